import { describe, expect, it } from 'vitest';
import { dayReport, readDayQuery } from './report.ts';

describe('a question for a day', () => {
  it.each([undefined, ''])('needs a site: %j', (siteId) => {
    expect(readDayQuery(siteId, '2026-01-31')).toEqual({ ok: false, error: 'site_id is required' });
  });

  it('is told of the site first when both are missing', () => {
    expect(readDayQuery(undefined, undefined)).toEqual({ ok: false, error: 'site_id is required' });
  });

  it.each([undefined, ''])('needs a date: %j', (date) => {
    expect(readDayQuery('site-1', date)).toEqual({ ok: false, error: 'date is required (YYYY-MM-DD)' });
  });

  it.each([
    'x',
    '2025-02-30',
    '2025-13-01',
    '2025-00-10',
    '2025-01-00',
    '2025-2-3',
    '2025-02-29',
    '0000-01-01',
    '-001-01-01',
    '+2025-01-01',
    '2025-01-01T00:00:00Z',
    '2025-01-01 ',
    '2025-01-01\n',
    '٢٠٢٥-٠١-٠١',
    '2025-01-01\0',
    "2025-01-01'; DROP TABLE events --",
    '2'.repeat(10_000),
  ])('takes no date that is no day: %j', (date) => {
    expect(readDayQuery('site-1', date)).toEqual({ ok: false, error: 'date must be a day as YYYY-MM-DD' });
  });

  it.each(['0001-01-01', '2024-02-29', '2026-12-31', '9999-12-31'])('takes the day %s', (date) => {
    expect(readDayQuery('site-1', date)).toEqual({ ok: true, siteId: 'site-1', date });
  });

  it.each(['a\0b', 'x'.repeat(65), 'x'.repeat(10_000)])('takes no site that no event can have', (siteId) => {
    expect(readDayQuery(siteId, '2026-01-31')).toMatchObject({ ok: false });
  });

  it('counts characters, as the events do', () => {
    expect(readDayQuery('🎈'.repeat(64), '2026-01-31')).toMatchObject({ ok: true });
  });
});

it('a report has plain numbers, whatever they came as', () => {
  const figures = { events: 3, visitors: 2, paths: [{ path: '/', views: '2' as unknown as number }] };
  expect(dayReport('site-1', '2026-01-31', figures)).toEqual({
    site_id: 'site-1',
    date: '2026-01-31',
    total_views: 3,
    unique_users: 2,
    top_paths: [{ path: '/', views: 2 }],
  });
});
