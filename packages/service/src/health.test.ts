import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { Health } from './health.ts';
import { createCount, createGauge, createTally } from './metrics.ts';

function newHealth(registry = new Registry()): Health {
  return new Health('ingest', registry, '1.2.3');
}

/** Status and body, parsed. */
async function ask(health: Health, path: string) {
  const answer = await health.answer(path);
  return answer && { status: answer.status, body: JSON.parse(answer.body) as unknown };
}

describe('/livez', () => {
  it('says who is alive, whatever is missing', async () => {
    const health = newHealth();
    health.require('redis', () => 'not connected');
    health.stopping();
    expect(await ask(health, '/livez')).toEqual({
      status: 200,
      body: { service: 'ingest', version: '1.2.3' },
    });
  });
});

describe('/readyz', () => {
  it('is 200 when nothing is missing', async () => {
    const health = newHealth();
    health.require('redis', () => undefined);
    expect(await ask(health, '/readyz')).toEqual({
      status: 200,
      body: { ready: true, missing: {}, warnings: {} },
    });
  });

  it('is 503 with the reason of each thing that is missing, for as long as it is', async () => {
    const health = newHealth();
    let redis: string | undefined = 'not connected';
    health.require('redis', () => redis);
    health.require('room', () => 'backlog above its high-water mark');
    expect(await ask(health, '/readyz')).toMatchObject({
      status: 503,
      body: { ready: false, missing: { redis: 'not connected', room: 'backlog above its high-water mark' } },
    });
    redis = undefined;
    expect(await ask(health, '/readyz')).toHaveProperty('body.missing', {
      room: 'backlog above its high-water mark',
    });
  });

  it('shows a warning without being unready', async () => {
    const health = newHealth();
    health.warn('durability', () => 'appendonly is off');
    expect(await ask(health, '/readyz')).toEqual({
      status: 200,
      body: { ready: true, missing: {}, warnings: { durability: 'appendonly is off' } },
    });
  });

  it('is 503 once the process stops', async () => {
    const health = newHealth();
    health.stopping();
    expect(await ask(health, '/readyz')).toMatchObject({
      status: 503,
      body: { missing: { process: 'stopping' } },
    });
  });
});

describe('/metrics', () => {
  it('shows each reason from the start, and what was counted since', async () => {
    const registry = new Registry();
    const refused = createTally(registry, 'sluice_refused_total', 'Refused.', ['too_large', 'too_old']);
    const accepted = createCount(registry, 'sluice_accepted_total', 'Accepted.');
    let backlog = 0;
    createGauge(registry, 'sluice_backlog_events', 'Backlog.', () => backlog);
    refused.too_old += 2;
    accepted.value += 3;
    backlog = 4;
    const metrics = async () => (await newHealth(registry).answer('/metrics'))?.body;
    for (const line of [
      'sluice_refused_total{reason="too_large"} 0',
      'sluice_refused_total{reason="too_old"} 2',
      'sluice_accepted_total 3',
      'sluice_backlog_events 4',
    ])
      expect(await metrics()).toContain(line);
    // Asking changes nothing.
    expect(await metrics()).toBe(await metrics());
  });
});

it('/metrics is 503, and no part of them, when they cannot be had', async () => {
  const metrics = () => Promise.reject(new Error('the primary is gone'));
  const health = new Health('ingest', { contentType: Registry.PROMETHEUS_CONTENT_TYPE, metrics });
  expect(await ask(health, '/metrics')).toEqual({
    status: 503,
    body: { error: 'no metrics: the primary is gone' },
  });
});

it('any other path is not a probe', async () => {
  for (const path of ['/', '/livez/', '/health', '/__proto__'])
    expect(await ask(newHealth(), path)).toBeUndefined();
});
