/** Clients that post as fast as they are answered, and keep account of every answer. */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';

export interface Load {
  /** The event ids that were answered with 204. */
  readonly acked: string[];
  /** How often each status or, where no answer came, each error code was met. */
  readonly met: Record<string, number>;
  /** Resolves when every client has met an error, as they do when nobody listens any more. */
  readonly ended: Promise<unknown>;
}

/** Starts `connections` keep-alive clients, each of which posts until an error. */
export function startLoad(port: number, connections: number): Load {
  const acked: string[] = [];
  const met: Record<string, number> = {};
  const client = async (name: number): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let sent = 0; ; sent += 1) {
      const id = `${name}-${sent}`;
      const outcome = await postOne(port, agent, id);
      met[outcome] = (met[outcome] ?? 0) + 1;
      if (outcome === '204') acked.push(id);
      if (Number.isNaN(Number(outcome))) break;
    }
    agent.destroy();
  };
  return { acked, met, ended: Promise.all(Array.from({ length: connections }, (_, name) => client(name))) };
}

/** The status, or the code of the error that came instead. */
async function postOne(port: number, agent: Agent, event_id: string): Promise<string> {
  try {
    const asking = request({ port, agent, method: 'POST', path: '/event' });
    asking.end(JSON.stringify({ site_id: 'load', event_type: 'page_view', event_id }));
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    await once(response.resume(), 'end');
    return String(response.statusCode);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
