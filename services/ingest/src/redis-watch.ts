/**
 * Asks Redis every second how it is: its counters of the stream, its memory, and whether its settings
 * keep the promise that a success answer makes.
 */
import type { StreamCommands } from '@sluice/event/cluster-client';
import type { StreamKeys } from '@sluice/event/stream';
import type { Log } from '@sluice/service/log';

const INTERVAL_MS = 1_000;
/** Without an answer: what waits to be ready isn't kept waiting, and asking a connection that isn't there costs nothing. */
const RETRY_MS = 100;

/** What one look at Redis found. */
export interface RedisState {
  readonly accepted: number;
  readonly settled: number;
  /** Events that were accepted and then vanished from the stream, ever. */
  readonly lost: number;
  /**
   * Events that Redis had counted as accepted and then didn't know of any more, since this process
   * started: it was emptied, or an older copy took over. Those that weren't stored by then are lost.
   */
  readonly forgotten: number;
  /** Percent of maxmemory, 0 when there is none. */
  readonly memoryPercent: number;
  /** Settings under which an accepted event can be lost, each a sentence. Empty when the promise holds. */
  readonly risks: readonly string[];
}

export interface RedisWatchOptions {
  readonly client: Pick<StreamCommands, 'isReady' | 'mGet' | 'info' | 'configGet'>;
  readonly keys: StreamKeys;
  readonly log: Log;
  /** Replicas that it must have. */
  readonly replicas: number;
  /** Told of every look that succeeded. */
  readonly observe: (state: RedisState) => void;
}

export class RedisWatch {
  readonly #options: RedisWatchOptions;
  #state: RedisState | undefined;
  #problem: string | undefined = 'not asked yet';
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #toldRisks = '';
  #lacksReplicas = false;
  /** The most events that Redis has said to have accepted. */
  #acceptedSeen = 0;

  constructor(options: RedisWatchOptions) {
    this.#options = options;
  }

  /** Why Redis can't take events now, `undefined` when it can. */
  get problem(): string | undefined {
    return this.#options.client.isReady ? this.#problem : 'not connected';
  }

  /** Whether it had fewer replicas than it must have, so that waiting for them is vain. */
  get lacksReplicas(): boolean {
    return this.#lacksReplicas;
  }

  /** The last look that succeeded. */
  get state(): RedisState | undefined {
    return this.#state;
  }

  /** Looks now and every second from then on, sooner after a look that failed. Never rejects. */
  async start(): Promise<void> {
    const nextInMs = (await this.#look()) ? INTERVAL_MS : RETRY_MS;
    if (!this.#stopped) this.#timer = setTimeout(() => void this.start(), nextInMs);
  }

  /** Takes in the counter of accepted events from an append's reply. */
  sawAccepted(accepted: number): void {
    this.#acceptedSeen = Math.max(this.#acceptedSeen, accepted);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** @returns whether it had its answer. */
  async #look(): Promise<boolean> {
    try {
      const { client, keys, replicas, observe } = this.#options;
      const seenBefore = this.#acceptedSeen;
      const [counters, info] = await Promise.all([
        client.mGet([keys.accepted, keys.settled, keys.lost]),
        client.info(),
      ]);
      const fields = infoFields(info);
      const risks = risksIn(fields, await this.#appendFsync(fields));
      const acceptedNow = Number(counters[0] ?? 0);
      this.#state = {
        accepted: acceptedNow,
        settled: Number(counters[1] ?? 0),
        lost: Number(counters[2] ?? 0),
        forgotten: this.#forgotten(seenBefore, acceptedNow),
        memoryPercent: memoryPercent(fields),
        risks,
      };
      const connected = Number(fields.get('connected_slaves') ?? 0);
      this.#lacksReplicas = connected < replicas;
      this.#problem =
        writeProblem(fields) ??
        (this.#lacksReplicas ? `${connected} of ${replicas} replicas are connected` : undefined);
      this.#tellRisks(risks);
      observe(this.#state);
      return true;
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
      return false;
    }
  }

  /**
   * The counter of accepted events only ever grows, unless what it counted is gone too.
   *
   * @param seenBefore before Redis was asked: what appends report meanwhile may be newer than its answer.
   */
  #forgotten(seenBefore: number, acceptedNow: number): number {
    const forgotten = this.#state?.forgotten ?? 0;
    if (acceptedNow >= seenBefore) {
      this.sawAccepted(acceptedNow);
      return forgotten;
    }
    const events = seenBefore - acceptedNow;
    this.#acceptedSeen = acceptedNow;
    this.#options.log.error({ events }, 'Redis no longer knows of events that it had accepted');
    return forgotten + events;
  }

  /** `appendfsync` isn't in INFO; a server that forbids CONFIG leaves it unknown. */
  async #appendFsync(fields: ReadonlyMap<string, string>): Promise<string | undefined> {
    if (fields.get('aof_enabled') !== '1') return undefined;
    try {
      return (await this.#options.client.configGet('appendfsync'))['appendfsync'];
    } catch (error) {
      // Only an answer says that asking is forbidden; a time-out says nothing.
      if (error instanceof Error && /^(NOPERM|ERR)\b/.test(error.message)) return 'unknown';
      throw error;
    }
  }

  #tellRisks(risks: readonly string[]): void {
    const told = risks.join('; ');
    if (told === this.#toldRisks) return;
    this.#toldRisks = told;
    if (told === '') this.#options.log.info('Redis keeps what it accepts');
    else this.#options.log.warn({ risks }, 'Redis can lose accepted events with these settings');
  }
}

/** The fields of an INFO reply. */
function infoFields(info: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of info.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

function memoryPercent(fields: ReadonlyMap<string, string>): number {
  const max = Number(fields.get('maxmemory') ?? 0);
  return max === 0 ? 0 : (Number(fields.get('used_memory') ?? 0) / max) * 100;
}

function writeProblem(fields: ReadonlyMap<string, string>): string | undefined {
  if (fields.get('loading') === '1') return 'loading its data';
  if (fields.get('role') !== 'master') return 'read-only replica';
  return fields.get('aof_last_write_status') === 'err' ? 'its last write to disk failed' : undefined;
}

function risksIn(fields: ReadonlyMap<string, string>, appendFsync: string | undefined): string[] {
  const risks: string[] = [];
  if (appendFsync === undefined)
    risks.push('appendonly is off: a crash loses everything since the last snapshot');
  else if (appendFsync !== 'always')
    risks.push(`appendfsync is ${appendFsync}: a crash loses the last second or more`);
  const policy = fields.get('maxmemory_policy') ?? 'unknown';
  if (policy !== 'noeviction' && !policy.startsWith('volatile-')) {
    risks.push(`maxmemory-policy is ${policy}: a full Redis deletes the stream`);
  }
  return risks;
}
