import { randomInt } from 'node:crypto';
import { whyTaken } from '@sluice/stack/free-port';

/**
 * Below where systems choose the ports of outgoing connections (32768 on Linux): while a killed server
 * is away, some client's socket, or one that connects to itself, could sit on its port.
 */
const FROM_PORT = 15_000;
const TO_PORT = 32_000;
const TRIES = 50;

/** A port that a server can be killed on and started again. */
export async function stablePort(): Promise<number> {
  for (let left = TRIES; left > 0; left -= 1) {
    const port = randomInt(FROM_PORT, TO_PORT);
    if ((await whyTaken(port)) === undefined) return port;
  }
  throw new Error(`no free port found from ${FROM_PORT} to ${TO_PORT}`);
}
