/** One shard of the stream, as ingest has it: its connection, its watch, its gate and its appender. */
import { onNode, type ShardClient } from '@sluice/event/shard-client';
import type { Shard } from '@sluice/event/stream';
import type { StreamClient } from '@sluice/event/stream-client';
import type { AppendReply, NewEntry } from '@sluice/event/stream-scripts';
import type { Log } from '@sluice/service/log';
import { Appender, type ObservedAppend, type Outcome } from './appender.ts';
import { Gate, type GateOptions } from './gate.ts';
import { RedisWatch } from './redis-watch.ts';
import type { ShardTarget } from './shards.ts';

export interface IngestShardOptions extends GateOptions {
  readonly client: ShardClient;
  readonly shard: Shard;
  readonly appendDeadlineMs: number;
  /** How many shards there are. */
  readonly shards: number;
  /** Replicas that must have an append; 0 asks none. */
  readonly waitReplicas: number;
  readonly log: Log;
  /** Told of every append, after the gate. */
  readonly observe: (shard: IngestShard, appended: ObservedAppend) => void;
}

export class IngestShard implements ShardTarget {
  readonly name: string;
  readonly client: ShardClient;
  readonly gate: Gate;
  readonly watch: RedisWatch;
  readonly #appender: Appender;

  constructor(options: IngestShardOptions) {
    const { client, shard, log, waitReplicas, appendDeadlineMs: deadlineMs } = options;
    this.name = shard.name;
    this.client = client;
    this.gate = new Gate(options);
    this.watch = new RedisWatch({
      client,
      keys: shard.keys,
      log,
      replicas: waitReplicas,
      observe: (state) => {
        this.gate.observeBacklog(state.accepted, state.settled, Date.now());
        this.gate.observeMemory(state.memoryPercent);
      },
    });
    const { keys } = shard;
    // Half of the time is for the append itself.
    const wait = { replicas: waitReplicas, withinMs: Math.ceil(deadlineMs / 2) };
    this.#appender = new Appender({
      append: (entries) =>
        waitReplicas === 0
          ? client.append(keys, this.gate.limit, entries)
          : onNode(client, (node) => appendAndWait(node, options, this.gate.limit, entries, wait)),
      deadlineMs,
      shards: options.shards,
      observe: (appended) => {
        const { reply } = appended;
        if (reply !== undefined) {
          this.gate.observeBacklog(reply.accepted, reply.settled, Date.now());
          this.watch.sawAccepted(reply.accepted);
        }
        if (reply?.added === false) this.gate.full();
        options.observe(this, appended);
      },
    });
  }

  get isUp(): boolean {
    return this.client.isReady && this.#appender.isOpen && !this.watch.lacksReplicas;
  }

  get hasRoom(): boolean {
    return this.gate.closed === undefined;
  }

  get retryAfterSeconds(): number {
    return this.gate.retryAfterSeconds;
  }

  /** Why it takes no events now, `undefined` when it does. */
  get problem(): string | undefined {
    return this.watch.problem ?? (this.#appender.isOpen ? undefined : 'an append is stuck');
  }

  add(lines: readonly string[]): Promise<Outcome> {
    return this.#appender.add(lines);
  }

  /** Resolves when nothing is under way. */
  drained(): Promise<void> {
    return this.#appender.drained();
  }
}

/**
 * Adds entries, and waits until so many replicas have them.
 *
 * Over the same connection, which is what WAIT means by "the writes before".
 *
 * @throws when the replicas don't have it in time; it may be there all the same.
 */
async function appendAndWait(
  node: StreamClient,
  { shard: { keys } }: { readonly shard: Shard },
  limit: number,
  entries: readonly NewEntry[],
  { replicas, withinMs }: { readonly replicas: number; readonly withinMs: number },
): Promise<AppendReply> {
  const reply = await node.append(keys, limit, entries);
  if (!reply.added) return reply;
  const having = await node.wait(replicas, withinMs);
  if (having < replicas) throw new Error(`${having} of ${replicas} replicas have it after ${withinMs} ms`);
  return reply;
}
