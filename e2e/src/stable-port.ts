import { randomInt } from 'node:crypto';
import { whyTaken } from '@sluice/stack/free-port';
import { ownLane } from './config.ts';

/**
 * Below where systems choose the ports of outgoing connections (32768 on Linux): while a killed server
 * is away, some client's socket, or one that connects to itself, could sit on its port.
 */
const FROM_PORT = 15_000;
/** Each test file that runs at once has its own share: one's killed server looks free to another. */
const PORTS_A_LANE = 4_000;
const LANES = 4;
const TRIES = 50;

/** A port that a server can be killed on and started again. */
export async function stablePort(): Promise<number> {
  const first = FROM_PORT + (ownLane() % LANES) * PORTS_A_LANE;
  for (let left = TRIES; left > 0; left -= 1) {
    const port = randomInt(first, first + PORTS_A_LANE);
    if ((await whyTaken(port)) === undefined) return port;
  }
  throw new Error(`no free port found from ${first} on`);
}
