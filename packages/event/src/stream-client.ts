/** A client of the Redis that has the stream, and what its errors mean. */
import { ClientOfflineError, createClient, MaxCommandRedirectionsError } from 'redis';
import { streamScripts } from './stream-scripts.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const RECONNECT_FIRST_MS = 50;
/** With this, a Redis that is back is found within a second. */
const RECONNECT_MAX_MS = 800;
/** What no waiting mends. */
const FATAL_REPLY = /^(WRONGPASS|NOAUTH|NOPERM|ERR invalid password|ERR AUTH)/;
/** What Redis says before it runs anything of a command: the shard is elsewhere, on its way, or nowhere. */
const NOTHING_DONE = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|LOADING|READONLY)\b/;

/** Whether an error says that Redis refuses the credentials. */
export function isFatalReply(error: unknown): boolean {
  return error instanceof Error && FATAL_REPLY.test(error.message);
}

/** Whether an error says for sure that nothing was written, so that it may go somewhere else. */
export function surelyNotWritten(error: unknown): boolean {
  if (error instanceof ClientOfflineError || error instanceof MaxCommandRedirectionsError) return true;
  return error instanceof Error && NOTHING_DONE.test(error.message);
}

export interface StreamClientOptions {
  readonly url: string;
  /** Shown by CLIENT LIST. */
  readonly name: string;
  /** A connection that says nothing for so long is dead. Must be above a blocking read's BLOCK. */
  readonly socketTimeoutMs: number;
  /** Keeps an idle connection talking, so that silence means that it is dead. */
  readonly pingIntervalMs: number;
}

export type StreamClient = ReturnType<typeof createStreamClient>;

/**
 * A client that connects again for as long as it takes, and refuses commands meanwhile: a command
 * queued for later would run after its caller gave up.
 *
 * `connect()` rejects, and the client emits `terminated`, only when Redis refuses the credentials.
 */
export function createStreamClient({ url, ...options }: StreamClientOptions) {
  const { socket, ...settings } = streamClientSettings(options);
  return createClient({
    url,
    ...settings,
    scripts: streamScripts,
    socket: {
      ...socket,
      reconnectStrategy: (retries: number, cause: Error) =>
        isFatalReply(cause)
          ? new Error('Redis refuses the credentials in REDIS_URL', { cause })
          : Math.min(RECONNECT_MAX_MS, RECONNECT_FIRST_MS * 2 ** Math.min(retries, 10)) *
            (0.75 + Math.random() / 4),
    },
  });
}

/** What every connection has, whoever makes it. */
export function streamClientSettings({
  name,
  socketTimeoutMs,
  pingIntervalMs,
}: Omit<StreamClientOptions, 'url'>) {
  return {
    name,
    disableOfflineQueue: true,
    maintNotifications: 'disabled' as const,
    pingInterval: pingIntervalMs,
    socket: { socketTimeout: socketTimeoutMs, connectTimeout: CONNECT_TIMEOUT_MS },
  };
}
