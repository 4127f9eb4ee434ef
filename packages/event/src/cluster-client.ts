/**
 * A client for one shard of a Redis Cluster: it talks to whichever node has the shard's keys now.
 *
 * Inside is one of node-redis's cluster clients, which follows MOVED and ASK. It is used for as long
 * as its connection to the shard's node lives, and no longer: after that it would ask a dead node for
 * ever when that node never comes back, so a new one is made from the nodes that answer, with growing
 * pauses, until one finds the shard. That is what survives a failover. Commands are refused meanwhile,
 * as with a plain client.
 *
 * Each shard has clients of its own, so a shard that is down holds nothing of the others up, and
 * `minimizeConnections` leaves a client with the one connection that it needs.
 */
import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientOfflineError, createCluster } from 'redis';
import {
  isFatalReply,
  type StreamClient,
  type StreamClientOptions,
  streamClientSettings,
} from './stream-client.ts';
import { streamScripts } from './stream-scripts.ts';

/** What ingest and worker ask of a shard. A plain client has all of it. */
export type StreamCommands = Pick<
  StreamClient,
  | 'append'
  | 'settle'
  | 'renew'
  | 'removeConsumer'
  | 'createGroup'
  | 'xReadGroup'
  | 'xInfoConsumers'
  | 'xAutoClaimJustId'
  | 'xPendingRange'
  | 'deliver'
  | 'mGet'
  | 'info'
  | 'configGet'
  | 'isReady'
>;

/** More in a row is no move but a slot on its way, which takes longer than a command should. */
const MAX_REDIRECTIONS = 4;
const REOPEN_FIRST_MS = 50;
/** With this, a replica that was promoted is found within a second. */
const REOPEN_MAX_MS = 800;

export interface ClusterClientOptions extends Omit<StreamClientOptions, 'url'> {
  /** Some nodes of the cluster; the rest is found through them. Credentials and TLS are the first one's. */
  readonly urls: readonly string[];
  /** A key of the shard. */
  readonly key: string;
}

type Cluster = ReturnType<typeof createUnderlying>;
type Forwarded = Exclude<keyof StreamCommands, 'info' | 'configGet' | 'isReady'>;

/** Emits `ready` with every connection found, `error`, and `terminated` when the credentials are refused. */
export class ClusterClient extends EventEmitter implements StreamCommands {
  readonly #options: ClusterClientOptions;
  /** The one in use, `undefined` while one is looked for. */
  #cluster: Cluster | undefined;
  #slot = -1;
  #destroyed = false;

  readonly append = this.#forward('append');
  readonly settle = this.#forward('settle');
  readonly renew = this.#forward('renew');
  readonly removeConsumer = this.#forward('removeConsumer');
  readonly createGroup = this.#forward('createGroup');
  readonly xReadGroup = this.#forward('xReadGroup');
  readonly xInfoConsumers = this.#forward('xInfoConsumers');
  readonly xAutoClaimJustId = this.#forward('xAutoClaimJustId');
  readonly xPendingRange = this.#forward('xPendingRange');
  readonly deliver = this.#forward('deliver');
  readonly mGet = this.#forward('mGet');
  readonly info = ((section) => this.onNode((node) => node.info(section))) as StreamClient['info'];
  readonly configGet = ((name) => this.onNode((node) => node.configGet(name))) as StreamClient['configGet'];

  constructor(options: ClusterClientOptions) {
    super();
    this.#options = options;
  }

  /** Whether the shard's node is connected. */
  get isReady(): boolean {
    return this.#node?.isReady === true;
  }

  /** Resolves with the first connection. Rejects only when the credentials are refused. */
  connect(): Promise<void> {
    return this.#open();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#cluster?.destroy();
    this.#cluster = undefined;
  }

  /** Runs commands on the one connection to the shard's node, without following the shard elsewhere. */
  onNode<T>(work: (node: StreamClient) => Promise<T>): Promise<T> {
    return this.#run(async (cluster) => {
      const node = (await cluster.getNodeClientForKey(this.#options.key)) as unknown as StreamClient;
      try {
        return await work(node);
      } catch (error) {
        // Any command on the key, sent through the cluster, finds out where the shard is now.
        if (error instanceof Error && error.message.startsWith('MOVED'))
          await cluster.exists(this.#options.key);
        throw error;
      }
    });
  }

  get #node(): { readonly isReady: boolean } | undefined {
    return this.#cluster?.slots[this.#slot]?.master.client;
  }

  #forward<Name extends Forwarded>(name: Name): StreamClient[Name] {
    type Command = (...args: unknown[]) => Promise<unknown>;
    const forward: Command = (...args) => this.#run((cluster) => (cluster[name] as Command)(...args));
    return forward as StreamClient[Name];
  }

  async #run<T>(command: (cluster: Cluster) => Promise<T>): Promise<T> {
    const cluster = this.#cluster;
    if (cluster === undefined) throw new ClientOfflineError();
    try {
      return await command(cluster);
    } catch (error) {
      this.#replace(cluster);
      throw error;
    }
  }

  /** Puts an underlying client away that has lost its node, and looks for the node with a new one. */
  #replace(cluster: Cluster): void {
    if (this.#cluster !== cluster || this.isReady) return;
    this.#cluster = undefined;
    cluster.destroy();
    // What it may reject with was emitted as `terminated`.
    this.#open().catch(() => undefined);
  }

  async #open(): Promise<void> {
    for (let attempt = 0; !this.#destroyed; attempt += 1) {
      let problem: unknown;
      const cluster = createUnderlying(this.#options);
      cluster.on('error', (error) => {
        problem = error;
      });
      try {
        await cluster.connect();
        const node = await cluster.getNodeClientForKey(this.#options.key);
        this.#slot = await node.clusterKeySlot(this.#options.key);
        this.#use(cluster);
        return;
      } catch (error) {
        cluster.destroy();
        this.#tell(isFatalReply(problem) ? problem : error);
      }
      const full = Math.min(REOPEN_MAX_MS, REOPEN_FIRST_MS * 2 ** Math.min(attempt, 10));
      await sleep(full * (0.75 + Math.random() / 4), undefined, { ref: false });
    }
  }

  #use(cluster: Cluster): void {
    if (this.#destroyed) {
      cluster.destroy();
      return;
    }
    this.#cluster = cluster;
    cluster.on('node-error', (error) => {
      this.emit('error', error);
      this.#replace(cluster);
    });
    this.emit('ready');
    // It may have been lost before anybody listened.
    this.#replace(cluster);
  }

  /** @throws when no waiting mends it. */
  #tell(error: unknown): void {
    if (this.#destroyed) return;
    if (!isFatalReply(error)) {
      this.emit('error', error);
      return;
    }
    this.#destroyed = true;
    const refused = new Error('Redis refuses the credentials in REDIS_CLUSTER_URLS', { cause: error });
    this.emit('terminated', refused);
    throw refused;
  }
}

function createUnderlying({ urls, ...options }: ClusterClientOptions) {
  const { socket, ...settings } = streamClientSettings(options);
  const [first] = urls;
  const { username, password, protocol } = new URL(first ?? '');
  return createCluster({
    rootNodes: urls.map((url) => ({ url })),
    scripts: streamScripts,
    minimizeConnections: true,
    maxCommandRedirections: MAX_REDIRECTIONS,
    defaults: {
      ...settings,
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      // A lost connection ends the client: see above.
      socket: {
        ...socket,
        reconnectStrategy: false,
        ...(protocol === 'rediss:' ? { tls: true as const } : {}),
      },
    },
  });
}
