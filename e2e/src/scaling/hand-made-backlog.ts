/** A backlog that is there all at once, as after an outage: entries as ingest writes them, added by hand. */
import { randomUUID } from 'node:crypto';
import { STREAM, withRedis } from '../backlog.ts';

export interface BacklogSize {
  readonly entries: number;
  /** 500 at most. */
  readonly eventsAnEntry: number;
}

/** As many as a busy installation has in a day or two. */
const SITES = 100;
const PATHS = 2_000;
const USERS = 50_000;
/** What goes to Redis in one transaction: some ten megabytes of entries of 500 events. */
const ENTRIES_A_TRANSACTION = 1_000;

/** Adds page views of this moment. @returns how many. */
export async function addBacklog(redisUrl: string, { entries, eventsAnEntry }: BacklogSize): Promise<number> {
  await withRedis(redisUrl, async (client) => {
    for (let left = entries; left > 0; left -= ENTRIES_A_TRANSACTION) {
      const added = Math.min(left, ENTRIES_A_TRANSACTION);
      const transaction = client.multi().incrBy(`${STREAM}:accepted`, added * eventsAnEntry);
      for (let at = 0; at < added; at += 1) {
        const lines = Array.from({ length: eventsAnEntry }, pageView);
        transaction.xAdd(STREAM, '*', { n: String(eventsAnEntry), events: lines.join('\n') });
      }
      await transaction.exec();
    }
  });
  return entries * eventsAnEntry;
}

function pageView(): string {
  const now = Date.now();
  const below = (limit: number) => Math.floor(Math.random() * limit);
  const [site, path] = [`site-${below(SITES)}`, `/articles/${below(PATHS)}`];
  return JSON.stringify({
    ...{ id: idOf(now), site_id: site, event_type: 'page_view', path, timestamp: now, received_at: now },
    ...{ user_id: `user-${below(USERS)}`, url: `https://${site}.example${path}`, title: `Article ${path}` },
    ...{ referrer: 'https://search.example/', properties: { plan: 'pro', ab: 'b' } },
  });
}

/** UUIDv7. */
function idOf(time: number): string {
  const hex = time.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${randomUUID().slice(15)}`;
}
