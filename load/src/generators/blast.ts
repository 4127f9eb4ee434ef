/**
 * As many requests as a server answers: a closed loop over some connections, each of which sends its
 * next request when it has its answer.
 *
 * The programs that do it cost very different amounts of CPU, and on a shared machine what they cost
 * is taken from the server. So the best one that is there is used, and named in the result.
 */
import { findProgram } from '../system/find-program.ts';
import { autocannon } from './autocannon.ts';
import { hey } from './hey.ts';
import { k6 } from './k6.ts';
import { wrk } from './wrk.ts';

export interface Blast {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Sent as JSON, one after the other and again from the start; some programs send only the first. */
  readonly bodies: readonly string[];
  /** An existing folder for what the program must read. */
  readonly dir: string;
}

export interface Blasted {
  /** Answered requests. */
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Requests without an answer, or with one that wasn't a success. */
  readonly failed: number;
}

/** A program that can do it. */
export interface Blaster {
  readonly name: string;
  readonly run: (blast: Blast) => Promise<Blasted>;
}

let chosen: Blaster | undefined;

/** The program of this machine: wrk, else hey, else k6, else autocannon, which comes with this package. */
export function blaster(): Blaster {
  chosen ??=
    [wrk, hey, k6].map((find) => find(findProgram)).find((found) => found !== undefined) ?? autocannon;
  return chosen;
}

/** @throws when requests failed, since a figure of failures says nothing. */
export async function blast(options: Blast): Promise<Blasted> {
  const blasted = await blaster().run(options);
  if (blasted.failed > 0 || blasted.requests === 0) {
    throw new Error(`${blasted.failed} requests to ${options.url} failed, ${blasted.requests} were answered`);
  }
  return blasted;
}
