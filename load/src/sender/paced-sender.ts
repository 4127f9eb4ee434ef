/**
 * Requests at a given rate, whatever the server does: an open loop.
 *
 * Each request has a moment at which it is due. Its latency counts from then, so that a server that
 * stalls is charged for all who would have come meanwhile. The requests are ready-made bytes and the
 * answers are read only as far as their end, which costs some 5 µs a request: on a machine that is
 * shared with the server, what the sender takes the server lacks.
 */
import { connect, type Socket } from 'node:net';
import { percentile } from '../bench/percentile.ts';
import { AnswerReader } from './answer-reader.ts';

export interface Pace {
  readonly port: number;
  /** Whole requests as they go over the wire, sent one after the other and again from the start. */
  readonly requests: readonly string[];
  readonly connections: number;
  readonly perSecond: number;
  /** 0 for until stop(). */
  readonly seconds: number;
}

export interface Sent {
  readonly seconds: number;
  readonly answered: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Due, and without a whole answer at the end. */
  readonly unanswered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What is due within one timer's turn goes out together. */
const TURN_MS = 1;
/** What is still under way at the end gets so long. */
const GRACE_MS = 3_000;

interface Connection {
  readonly socket: Socket;
  readonly answers: AnswerReader;
  dueAt: number;
}

export class PacedSender {
  readonly #pace: Pace;
  readonly #idle: Connection[] = [];
  readonly #latenciesMs: number[] = [];
  readonly #statuses: Record<string, number> = {};
  #startedAt = 0;
  #issued = 0;
  #underWay = 0;
  #stoppedAt: number | undefined;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** Connects, sends, and resolves with what came of it. Rejects when a connection fails. */
  async run(): Promise<Sent> {
    const { connections, seconds } = this.#pace;
    const failed = Promise.withResolvers<never>();
    const opened = Array.from({ length: connections }, () => this.#open(failed.reject));
    this.#idle.push(...(await Promise.race([Promise.all(opened), failed.promise])));
    const all = [...this.#idle];
    this.#startedAt = performance.now();
    if (seconds > 0) setTimeout(() => this.stop(), seconds * 1_000);
    await Promise.race([this.#sendUntilStopped(), failed.promise]);
    const unanswered = this.#due(this.#stoppedAt ?? 0) - this.#latenciesMs.length;
    for (const { socket } of all) socket.destroy();
    return this.#result(unanswered);
  }

  /** Issues nothing more. */
  stop(): void {
    this.#stoppedAt ??= performance.now();
  }

  async #sendUntilStopped(): Promise<void> {
    for (;;) {
      const now = performance.now();
      if (this.#stoppedAt !== undefined && (this.#underWay === 0 || now > this.#stoppedAt + GRACE_MS)) return;
      if (this.#stoppedAt === undefined) this.#send(now);
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    }
  }

  /** Requests that were due by a moment. */
  #due(now: number): number {
    return Math.floor(((now - this.#startedAt) / 1_000) * this.#pace.perSecond);
  }

  #send(now: number): void {
    const { requests, perSecond } = this.#pace;
    const due = this.#due(now);
    while (this.#issued < due) {
      // In turns: a connection that never says a word is closed by the server.
      const connection = this.#idle.shift();
      if (connection === undefined) return;
      connection.socket.write(requests[this.#issued % requests.length] as string);
      this.#issued += 1;
      // The moment at which #due came to this many.
      connection.dueAt = this.#startedAt + (this.#issued / perSecond) * 1_000;
      this.#underWay += 1;
    }
  }

  #open(fail: (error: Error) => void): Promise<Connection> {
    const socket = connect({ port: this.#pace.port, host: '127.0.0.1', noDelay: true });
    const connection: Connection = { socket, dueAt: 0, answers: new AnswerReader() };
    socket.on('data', (chunk: Buffer) => {
      const status = connection.answers.read(chunk);
      if (status !== undefined) this.#answered(connection, status);
    });
    socket.on('error', fail);
    socket.on('close', () =>
      fail(new Error(`the server closed a connection ${connection.answers.rest.slice(0, 400)}`)),
    );
    return new Promise((resolve) => socket.once('connect', () => resolve(connection)));
  }

  #answered(connection: Connection, status: number): void {
    const now = performance.now();
    this.#latenciesMs.push(now - connection.dueAt);
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    this.#underWay -= 1;
    this.#idle.push(connection);
    // What is overdue doesn't wait for the timer.
    if (this.#stoppedAt === undefined) this.#send(now);
  }

  #result(unanswered: number): Sent {
    const sorted = Float64Array.from(this.#latenciesMs).sort();
    return {
      seconds: ((this.#stoppedAt ?? 0) - this.#startedAt) / 1_000,
      answered: sorted.length,
      statuses: this.#statuses,
      unanswered: Math.max(0, unanswered),
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      maxMs: percentile(sorted, 1),
    };
  }
}
