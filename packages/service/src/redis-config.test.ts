import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from './config.ts';
import { checkRedis, redisEntries } from './redis-config.ts';

type Environment = Readonly<Record<string, string>>;

function read(env: Environment) {
  const config = readConfig(v.object(redisEntries(env)), env);
  checkRedis(config);
  return config;
}

function problemsOf(env: Environment): readonly string[] {
  try {
    read(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const REDIS_URL = 'redis://localhost';
const REDIS_CLUSTER_URLS = 'redis://a:7000, rediss://:secret@b:7001';

describe('where the stream is', () => {
  it('is one Redis and one stream by default', () => {
    expect(read({ REDIS_URL })).toEqual({ REDIS_URL, STREAM_KEY: 'sluice:events', STREAM_SHARDS: 0 });
  });

  it('is one Redis with several streams, or a cluster', () => {
    expect(read({ REDIS_URL, STREAM_SHARDS: '4' })).toMatchObject({ STREAM_SHARDS: 4 });
    expect(read({ REDIS_CLUSTER_URLS, STREAM_SHARDS: '12' })).toMatchObject({
      REDIS_CLUSTER_URLS: ['redis://a:7000', 'rediss://:secret@b:7001'],
      STREAM_SHARDS: 12,
    });
  });

  it('must be named, and once', () => {
    expect(problemsOf({})).toEqual(['REDIS_URL is required']);
    expect(problemsOf({ REDIS_URL, REDIS_CLUSTER_URLS, STREAM_SHARDS: '4' })).toEqual([
      'REDIS_URL and REDIS_CLUSTER_URLS exclude each other: name one Redis or a cluster',
    ]);
  });

  it('must be URLs, which the problem does not repeat', () => {
    expect(problemsOf({ REDIS_CLUSTER_URLS: `${REDIS_CLUSTER_URLS},http://x`, STREAM_SHARDS: '4' })).toEqual([
      'REDIS_CLUSTER_URLS must be URLs starting with redis:// or rediss://, separated by commas',
    ]);
  });

  it('needs a number of shards on a cluster, since one stream is on one node', () => {
    expect(problemsOf({ REDIS_CLUSTER_URLS })).toEqual([
      'STREAM_SHARDS is required with REDIS_CLUSTER_URLS: four to eight for each primary, the same everywhere',
    ]);
  });

  it('leaves the braces in a key to the number of the shard', () => {
    expect(problemsOf({ REDIS_URL, STREAM_KEY: 'a:{b}', STREAM_SHARDS: '2' })).toEqual([
      "STREAM_KEY must have no braces with STREAM_SHARDS: the shard's number stands in them",
    ]);
    expect(read({ REDIS_URL, STREAM_KEY: 'a:{b}' }).STREAM_KEY).toBe('a:{b}');
  });
});
