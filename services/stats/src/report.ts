/** The answer of `GET /stats`, in the shape of the service that this one replaces. */
import type { DayFigures } from './queries.ts';

export const TOP_PATHS = 10;

export interface DayReport {
  readonly site_id: string;
  readonly date: string;
  readonly total_views: number;
  readonly unique_users: number;
  readonly top_paths: readonly { readonly path: string; readonly views: number }[];
}

export function dayReport(siteId: string, date: string, figures: DayFigures): DayReport {
  return {
    site_id: siteId,
    date,
    total_views: figures.events,
    unique_users: figures.visitors,
    top_paths: figures.paths.map(({ path, views }) => ({ path, views: Number(views) })),
  };
}

/** What a request for a day asks for, or what is wrong with it. */
export type DayQuery =
  | { readonly ok: true; readonly siteId: string; readonly date: string }
  | { readonly ok: false; readonly error: string };

const MAX_SITE_ID_CHARACTERS = 64;

/** The first two errors are the original's words. */
export function readDayQuery(siteId: string | undefined, date: string | undefined): DayQuery {
  if (!siteId) return { ok: false, error: 'site_id is required' };
  if (!date) return { ok: false, error: 'date is required (YYYY-MM-DD)' };
  if ([...siteId].length > MAX_SITE_ID_CHARACTERS || siteId.includes('\0')) {
    return { ok: false, error: `site_id must have at most ${MAX_SITE_ID_CHARACTERS} characters and no NUL` };
  }
  if (!isDay(date)) return { ok: false, error: 'date must be a day as YYYY-MM-DD' };
  return { ok: true, siteId, date };
}

function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || text.startsWith('0000')) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  // Date.parse takes the 30th of February for the 2nd of March.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
