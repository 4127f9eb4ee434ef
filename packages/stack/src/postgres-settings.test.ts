import { describe, expect, test } from 'vitest';
import { postgresSettings } from './postgres-settings.ts';

const GIB_BYTES = 1024 ** 3;

describe("Postgres' settings", () => {
  test.each([
    [0.25, '64MB'],
    [2, '256MB'],
    [64, '512MB'],
  ])('on %s GiB give it %s of buffers', (memoryGib, buffers) => {
    expect(postgresSettings(true, memoryGib * GIB_BYTES)['shared_buffers']).toBe(buffers);
  });

  test('of a durable server leave fsync alone', () => {
    expect(postgresSettings(true)).toMatchObject({ synchronous_commit: 'on' });
    expect(postgresSettings(true)).not.toHaveProperty('fsync');
  });

  test('of a throwaway server spare the disk and still commit in order', () => {
    expect(postgresSettings(false)).toMatchObject({ fsync: 'off', synchronous_commit: 'on' });
  });
});
