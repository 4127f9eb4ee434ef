import { describe, expect, it } from 'vitest';
import { workerConfig } from './config.ts';

const NEEDED = { REDIS_URL: 'redis://localhost', DATABASE_URL: 'postgres://localhost/sluice' };

it('a worker needs to know only where Redis and Postgres are', () => {
  expect(workerConfig(NEEDED)).toMatchObject({ ...NEEDED, STREAM_KEY: 'sluice:events', PORT: 8_082 });
  expect(() => workerConfig({})).toThrow('DATABASE_URL is required\n  REDIS_URL is required');
});

it('an entry gets the delivery that it has alone before it is given up', () => {
  expect(() => workerConfig({ ...NEEDED, MAX_DELIVERIES: '2' })).toThrow(/MAX_DELIVERIES/);
});

describe('the claim time', () => {
  it('is above the write deadline when nothing is said', () => {
    const { CLAIM_MIN_IDLE_MS, WRITE_DEADLINE_MS } = workerConfig(NEEDED);
    expect(CLAIM_MIN_IDLE_MS).toBeGreaterThan(WRITE_DEADLINE_MS);
  });

  it.each([
    ['5000', '5000'],
    ['5001', '5000'],
  ])('must be above the write deadline: %s ms is refused with %s', (WRITE_DEADLINE_MS, CLAIM_MIN_IDLE_MS) => {
    expect(() => workerConfig({ ...NEEDED, WRITE_DEADLINE_MS, CLAIM_MIN_IDLE_MS })).toThrow(
      `CLAIM_MIN_IDLE_MS (5000) must be above WRITE_DEADLINE_MS (${WRITE_DEADLINE_MS}): ` +
        'entries still being written would be taken over',
    );
  });

  it('a millisecond above it will do', () => {
    const settings = { ...NEEDED, WRITE_DEADLINE_MS: '5000', CLAIM_MIN_IDLE_MS: '5001' };
    expect(workerConfig(settings)).toMatchObject({ WRITE_DEADLINE_MS: 5_000, CLAIM_MIN_IDLE_MS: 5_001 });
  });
});
