/** One run of the bench: its servers, what scenarios share, and what they found. */

import type { Servers } from '../system/servers.ts';
import type { Stream } from '../system/stream.ts';
import type { Figure } from './figure.ts';
import type { Size } from './options.ts';
import type { Progress } from './progress.ts';

/** Something to measure, by itself or with the others. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly run: (run: Run) => Promise<void>;
}

/** Measured values at one place of a plot, by name. */
export type Point = Readonly<Record<string, number>>;

/** Where the time of a process went. */
export interface Profile {
  readonly title: string;
  /** Share from 0 to 1, largest first. */
  readonly parts: readonly { readonly name: string; readonly share: number }[];
}

/** The most that an end-to-end run holds, which later scenarios take a part of. */
export interface Capacity {
  /** Events a second in batches of 100. */
  readonly batched: number;
}

export class Run {
  readonly size: Size;
  readonly servers: Servers;
  readonly stream: Stream;
  readonly progress: Progress;
  readonly figures: Figure[] = [];
  readonly series: Record<string, Point[]> = {};
  readonly profiles: Profile[] = [];
  capacity: Capacity | undefined;

  constructor(size: Size, servers: Servers, stream: Stream, progress: Progress) {
    this.size = size;
    this.servers = servers;
    this.stream = stream;
    this.progress = progress;
  }

  /** What to do in a quick run, and what otherwise. */
  by<T>(quick: T, normal: T): T {
    return this.size === 'quick' ? quick : normal;
  }

  figure(figure: Figure): void {
    this.figures.push(figure);
  }

  point(series: string, point: Point): void {
    this.series[series] ??= [];
    this.series[series].push(point);
  }
}
