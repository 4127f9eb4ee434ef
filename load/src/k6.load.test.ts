/**
 * Every k6 script for a few seconds against a real Sluice, with a real k6, so that none of them rots.
 *
 * Nothing about speed is asserted: the thresholds are set so wide that only failures break them.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HOW_TO_GET_K6, k6Command, scriptNames } from './k6/find-k6.ts';
import { type Pipeline, startPipeline } from './scenarios/pipeline.ts';
import { inheritedEnvironment } from './system/config.ts';
import { findProgram } from './system/find-program.ts';
import { Servers } from './system/servers.ts';
import { Stream } from './system/stream.ts';

/** What each is slowed down to, for a machine that does other things as well. */
const SETTINGS: Readonly<Record<string, Record<string, string>>> = {
  ingest: { RATE: '50', DURATION: '4' },
  batch: { RATE: '500', DURATION: '3' },
  stats: { RATE: '20', DURATION: '3' },
  mixed: { RATE: '400', DURATION: '3' },
  soak: { RATE: '30', DURATION: '6' },
  spike: { RATE: '10', FACTOR: '5', DURATION: '6' },
};

let servers: Servers;
let stream: Stream;
let pipeline: Pipeline;
let dir: string;

beforeAll(async () => {
  if (findProgram('k6') === undefined) throw new Error(HOW_TO_GET_K6);
  dir = await mkdtemp(join(tmpdir(), 'sluice-load-'));
  servers = await Servers.create({ parentDir: dir, durable: false });
  stream = await Stream.connect((await servers.redis()).url);
  pipeline = await startPipeline({ servers, stream });
});

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]();
  await stream?.[Symbol.asyncDispose]();
  await servers?.close();
  if (dir !== undefined) await rm(dir, { recursive: true, force: true });
});

interface Summary {
  readonly requests: number;
  readonly accepted: number;
  readonly refused: number;
  readonly broken: readonly string[];
}

/** Runs a script. Rejects, with what k6 said, when its exit code isn't 0. */
async function run(script: string): Promise<{ stdout: string; summary: Summary }> {
  const file = join(dir, `${script}.json`);
  const command = k6Command(script, ['--quiet']);
  const env = {
    ...inheritedEnvironment(),
    TARGET: pipeline.ingest.url,
    STATS_TARGET: pipeline.stats.url,
    P99_MS: '20000',
    DROPPED: '1',
    SUMMARY: file,
    ...SETTINGS[script],
  };
  const { stdout } = await promisify(execFile)(command?.program ?? '', [...(command?.args ?? [])], { env });
  return { stdout, summary: JSON.parse(await readFile(file, 'utf8')) as Summary };
}

it.each(scriptNames())(
  '%s.js holds its thresholds, and what it was told is accepted is stored',
  async (script) => {
    const before = await pipeline.drained();
    const { stdout, summary } = await run(script);
    const after = await pipeline.drained();
    expect(summary.broken).toEqual([]);
    expect(summary.requests).toBeGreaterThan(10);
    expect(summary.refused).toBe(0);
    expect(after.stored - before.stored).toBe(summary.accepted);
    expect(summary.accepted > 0).toBe(script !== 'stats');
    expect(stdout).toMatch(/p50 +[\d.]+ ms +p95 +[\d.]+ ms +p99 +[\d.]+ ms/);
    expect(stdout).toContain('all thresholds held');
  },
);
