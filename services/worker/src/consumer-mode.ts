/**
 * What a consumer is doing, as one of these modes:
 *
 * - STARTING: waiting until Redis has the group and Postgres the schema. Nothing is read.
 * - READING: batches are read whenever fewer than `writers` are being written.
 * - WAITING: a batch met a fault that passes by itself. It is tried again with growing pauses, keeping
 *   its writer's place, while the other writers go on: what blocks one batch may not block the next.
 *   Its claims are renewed, so nobody takes it over and no delivery is counted.
 * - HALTED: a batch met a fault that somebody must mend. Nothing new is read, and the pauses are long.
 * - DRAINING: told to stop. What is being written ends; what meets a fault is left pending.
 * - STOPPED: nothing is under way.
 */
import assert from 'node:assert/strict';
import type { Log } from '@sluice/service/log';

export type Mode = 'STARTING' | 'READING' | 'WAITING' | 'HALTED' | 'DRAINING' | 'STOPPED';

/** From each mode, the ones it may become. */
const TRANSITIONS: { readonly [From in Mode]: readonly Mode[] } = {
  STARTING: ['READING', 'DRAINING'],
  READING: ['WAITING', 'HALTED', 'DRAINING'],
  WAITING: ['READING', 'HALTED', 'DRAINING'],
  HALTED: ['READING', 'WAITING', 'DRAINING'],
  DRAINING: ['STOPPED'],
  STOPPED: [],
};

/** A consumer's mode, and why it isn't storing. */
export class ConsumerMode {
  readonly #log: Log;
  #mode: Mode = 'STARTING';
  #problem: string | undefined = 'starting';

  constructor(log: Log) {
    this.#log = log;
  }

  get current(): Mode {
    return this.#mode;
  }

  /** Why it isn't storing, `undefined` while it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** @throws when the mode it is in can't become this one. */
  enter(mode: Mode, problem: string | undefined): void {
    this.#problem = problem;
    if (this.#mode === mode) return;
    assert.ok(TRANSITIONS[this.#mode].includes(mode), `${this.#mode} can't become ${mode}`);
    // Under a fault the first two alternate many times a second; the fault itself is told, throttled.
    const level = mode === 'READING' || mode === 'WAITING' ? 'debug' : 'info';
    this.#log[level]({ from: this.#mode, to: mode, problem }, 'mode');
    this.#mode = mode;
  }

  /** What was being retried has succeeded. */
  recover(): void {
    if (this.#mode === 'WAITING' || this.#mode === 'HALTED') this.enter('READING', undefined);
  }
}
