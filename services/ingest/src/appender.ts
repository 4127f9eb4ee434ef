/**
 * Group commit: what arrives while one append is under way waits and goes out together as the next.
 *
 * One append costs Redis a command and an fsync whatever it carries, so a hundred connections share
 * them; and each request is answered when the append that carries its events is on disk.
 *
 * The appender is in one of these modes:
 *
 * - IDLE: nothing is under way and nothing waits. The first event starts the next append at the end
 *   of this turn of the event loop, with whatever else arrives in it.
 * - APPENDING: one append is under way, groups may wait behind it.
 * - STALLED: the append under way passed its deadline. Whether it happened is unknown, so it and
 *   all that waited is answered `unavailable`, and so is what arrives until it settles.
 *
 * An event is never appended twice by us: the client sends it again or doesn't.
 */
import assert from 'node:assert/strict';
import { MAX_ENTRY_CHARACTERS, MAX_ENTRY_EVENTS } from '@sluice/event/entry';
import { surelyNotWritten } from '@sluice/event/stream-client';
import type { AppendReply, NewEntry } from '@sluice/event/stream-scripts';

/**
 * `appended` means on disk; `unavailable` that nobody knows, or surely not; `backlog_full` and
 * `unwritten` surely not, for want of room and because this Redis doesn't take it.
 */
export type Outcome = 'appended' | 'unavailable' | 'unwritten' | 'backlog_full';

export interface AppenderOptions {
  /** Adds entries in one step; rejects when it didn't happen or nobody knows whether it did. */
  readonly append: (entries: readonly NewEntry[]) => Promise<AppendReply>;
  readonly deadlineMs: number;
  /** Appenders that share the memory for what waits. */
  readonly shards: number;
  /** Told what each append brought. */
  readonly observe: (appended: ObservedAppend) => void;
}

/** One append that ended. */
export interface ObservedAppend {
  readonly reply: AppendReply | undefined;
  readonly error: unknown;
  readonly events: number;
  readonly seconds: number;
}

/** A group is closed at this size: Redis works on one append for under 5 ms, and answers others meanwhile. */
const MAX_GROUP_CHARACTERS = 1_024 * 1_024;
/** What may wait in memory; beyond, Redis can't keep up and clients hear so at once. */
const MAX_WAITING_CHARACTERS = 32 * 1_024 * 1_024;

/** Events that share one append and one answer. */
class Group {
  readonly lines: string[] = [];
  readonly createdAt = performance.now();
  characters = 0;
  readonly outcome: Promise<Outcome>;
  readonly settle: (outcome: Outcome) => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.outcome = promise;
    this.settle = resolve;
  }
}

export class Appender {
  #mode: 'IDLE' | 'APPENDING' | 'STALLED' = 'IDLE';
  readonly #options: AppenderOptions;
  #waiting: Group[] = [];
  readonly #maxWaitingCharacters: number;
  #waitingCharacters = 0;
  #settled: Promise<void> = Promise.resolve();

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#maxWaitingCharacters = MAX_WAITING_CHARACTERS / options.shards;
  }

  /**
   * Takes a request's events, as lines of JSON, to be appended together.
   *
   * @returns when they are on disk or known not to be, at the latest at the deadline.
   */
  add(lines: readonly string[]): Promise<Outcome> {
    if (!this.isOpen) return Promise.resolve('unavailable');
    let group = this.#waiting.at(-1);
    if (group === undefined || group.characters > MAX_GROUP_CHARACTERS) {
      group = new Group();
      this.#waiting.push(group);
    }
    for (const line of lines) {
      group.lines.push(line);
      group.characters += line.length;
      this.#waitingCharacters += line.length;
    }
    if (this.#mode === 'IDLE') {
      this.#mode = 'APPENDING';
      setImmediate(() => this.#next());
    }
    return group.outcome;
  }

  /** Whether it takes what is added, as far as it knows. */
  get isOpen(): boolean {
    return this.#mode !== 'STALLED' && this.#waitingCharacters <= this.#maxWaitingCharacters;
  }

  /** Resolves when nothing is under way and nothing waits. No event may be added meanwhile. */
  async drained(): Promise<void> {
    while (this.#mode !== 'IDLE') {
      await this.#settled;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #next(): void {
    assert.equal(this.#mode, 'APPENDING');
    const group = this.#waiting.shift();
    if (group === undefined) {
      this.#mode = 'IDLE';
      return;
    }
    this.#waitingCharacters -= group.characters;
    if (performance.now() - group.createdAt >= this.#options.deadlineMs) {
      // It waited its time away behind slow appends; its clients have their answer to get now.
      group.settle('unavailable');
      this.#next();
      return;
    }
    this.#settled = this.#append(group).then(() => {
      if (this.#mode === 'STALLED') this.#mode = 'APPENDING';
      this.#next();
    });
  }

  async #append(group: Group): Promise<void> {
    const startedAt = performance.now();
    // From the arrival of its first event, so that waiting counts too.
    const leftMs = this.#options.deadlineMs - (startedAt - group.createdAt);
    const deadline = setTimeout(() => this.#stall(group), leftMs);
    let reply: AppendReply | undefined;
    let failure: unknown;
    try {
      reply = await this.#options.append(entriesOf(group.lines));
    } catch (error) {
      failure = error;
    }
    clearTimeout(deadline);
    // After the deadline this changes nothing: the group was answered then.
    group.settle(outcomeOf(reply, failure));
    const seconds = (performance.now() - startedAt) / 1_000;
    this.#options.observe({ reply, error: failure, events: group.lines.length, seconds });
  }

  #stall(group: Group): void {
    assert.equal(this.#mode, 'APPENDING');
    this.#mode = 'STALLED';
    group.settle('unavailable');
    for (const waiting of this.#waiting) waiting.settle('unavailable');
    this.#waiting = [];
    this.#waitingCharacters = 0;
  }
}

function outcomeOf(reply: AppendReply | undefined, failure: unknown): Outcome {
  if (reply === undefined) return surelyNotWritten(failure) ? 'unwritten' : 'unavailable';
  return reply.added ? 'appended' : 'backlog_full';
}

/** Lines as entries within an entry's limits. A single line is always within them. */
function entriesOf(lines: readonly string[]): NewEntry[] {
  const entries: NewEntry[] = [];
  let from = 0;
  let characters = 0;
  for (let at = 0; at < lines.length; at += 1) {
    const length = (lines[at] as string).length;
    if (at - from === MAX_ENTRY_EVENTS || (at > from && characters + length > MAX_ENTRY_CHARACTERS)) {
      entries.push({ n: at - from, events: lines.slice(from, at).join('\n') });
      from = at;
      characters = 0;
    }
    characters += length;
  }
  entries.push({
    n: lines.length - from,
    events: from === 0 ? lines.join('\n') : lines.slice(from).join('\n'),
  });
  return entries;
}
