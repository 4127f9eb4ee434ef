/**
 * Kills the parts of a system in turn, without warning, and starts each again, as whoever runs it
 * would.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../seed.ts';
import type { System } from '../system.ts';

export const VICTIMS = ['ingest', 'worker', 'redis', 'postgres'] as const;
export type Victim = (typeof VICTIMS)[number];

/** Between two kills: long enough to be back at work, short enough for 20 kills of each in ten minutes. */
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 5_000;

export class Killer {
  /** Kills survived so far, each counted when its victim was back. */
  readonly survived: Record<Victim, number> = { ingest: 0, worker: 0, redis: 0, postgres: 0 };
  #system: System;
  #random: Random;

  constructor(system: System, random: Random) {
    this.#system = system;
    this.#random = random;
  }

  /** Goes on until `untilMs`, by performance.now(). @throws when a victim doesn't come back. */
  async run(untilMs: number): Promise<void> {
    for (let turn = 0; performance.now() < untilMs; turn += 1) {
      await sleep(this.#random.between(MIN_PAUSE_MS, MAX_PAUSE_MS));
      const victim = VICTIMS[turn % VICTIMS.length] as Victim;
      await this.#kill(victim);
      this.survived[victim] += 1;
    }
  }

  async #kill(victim: Victim): Promise<void> {
    if (victim === 'ingest' || victim === 'worker') {
      const running = victim === 'ingest' ? this.#system.ingests : this.#system.workers;
      await this.#random.pick(running).restart('SIGKILL');
      return;
    }
    const server = this.#system[victim];
    // Postgres' children notice their parent's death only later; QUIT is the crash that it gives itself.
    await server.kill(victim === 'postgres' ? 'SIGQUIT' : 'SIGKILL');
    await server.restart();
  }
}
