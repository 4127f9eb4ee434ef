/** The batch endpoint as a way to hand over events. */
import { outcomeOf, post, type Send } from './send.ts';

/** `POST /events`, a JSON array; what the answer doesn't list as rejected is accepted. */
export const sendBatch: Send = async (events, delivery) => {
  const reply = await post('/events', `[${events.map(({ json }) => json).join(',')}]`, delivery);
  const { status } = reply;
  const outcome = outcomeOf(status);
  const rejected = outcome === 'acked' && 'body' in reply ? rejectedIn(reply.body) : new Set<number>();
  return events.map((_, at) => ({ outcome: rejected.has(at) ? 'refused' : outcome, status }));
};

function rejectedIn(body: string): ReadonlySet<number> {
  const { rejected } = JSON.parse(body) as { rejected: readonly { index: number }[] };
  return new Set(rejected.map(({ index }) => index));
}
