/**
 * A real Redis Cluster: three primaries and a replica of each, every one a redis-server of its own.
 *
 * Made and changed with plain commands, so that a test may kill any of them, move a slot step by step,
 * and look at what Redis itself says.
 */
import { join } from 'node:path';
import { startRedis } from '@sluice/stack/redis';
import { createCluster } from 'redis';
import { type Backlog, backlogOf, type RedisClient, streamsOf, sumOf, withRedis } from '../backlog.ts';
import { ServerProcess } from '../server-process.ts';
import { stablePort } from '../stable-port.ts';
import { until } from '../until.ts';

const PRIMARIES = 3;
const SLOTS = 16_384;
/** A node that is silent for so long has failed. Short, so that a test sees a failover within seconds. */
const NODE_TIMEOUT_MS = 2_000;
const SETTLED_WITHIN_MS = 30_000;

/** A line of CLUSTER NODES. */
export interface ClusterNode {
  readonly id: string;
  readonly port: number;
  readonly isPrimary: boolean;
  /** Neither suspected nor known to have failed. */
  readonly isWell: boolean;
  /** The primary's id; `-` for a primary. */
  readonly of: string;
  /** First and last slot of each range. */
  readonly slots: readonly (readonly [number, number])[];
}

export class RedisCluster {
  readonly #servers: ReadonlyMap<number, ServerProcess>;
  readonly #shards: number;

  private constructor(servers: ReadonlyMap<number, ServerProcess>, shards: number) {
    this.#servers = servers;
    this.#shards = shards;
  }

  /** Resolves when every slot has its primary and every primary its replica. */
  static async start(dir: string, shards: number): Promise<RedisCluster> {
    const servers = new Map<number, ServerProcess>();
    const buses = new Map<number, number>();
    for (let number = 0; number < 2 * PRIMARIES; number += 1) {
      const [port, bus] = [await stablePort(), await stablePort()];
      buses.set(port, bus);
      const settings = {
        'cluster-enabled': 'yes',
        'cluster-port': String(bus),
        'cluster-node-timeout': String(NODE_TIMEOUT_MS),
        // With its default, the loss of one shard takes all of them down.
        'cluster-require-full-coverage': 'no',
        'repl-diskless-sync-delay': '0',
      };
      const start = () => startRedis({ dir: join(dir, String(number)), port, settings });
      servers.set(port, await ServerProcess.start(start));
    }
    const cluster = new RedisCluster(servers, shards);
    await cluster.#assemble([...servers.keys()], buses);
    return cluster;
  }

  /** What services are told: two of the nodes, and how many shards. */
  get settings(): Readonly<Record<string, string>> {
    const some = [...this.#servers.keys()].slice(0, 2);
    return {
      REDIS_CLUSTER_URLS: some.map((port) => `redis://127.0.0.1:${port}`).join(','),
      STREAM_SHARDS: String(this.#shards),
    };
  }

  /** The streams' keys. */
  get streams(): readonly string[] {
    return streamsOf(this.#shards);
  }

  server(port: number): ServerProcess {
    const server = this.#servers.get(port);
    if (server === undefined) throw new Error(`no node has port ${port}`);
    return server;
  }

  /** The nodes as one that runs sees them, which isn't `frozen`. */
  async nodes(frozen?: number): Promise<readonly ClusterNode[]> {
    const running = [...this.#servers].find(([port, { isRunning }]) => isRunning && port !== frozen);
    if (running === undefined) throw new Error('no node runs');
    return this.on(running[0], async (client) =>
      nodesIn(await client.sendCommand<string>(['CLUSTER', 'NODES'])),
    );
  }

  /** The primary that has a key, and its replica. */
  async placeOf(
    key: string,
  ): Promise<{ slot: number; primary: ClusterNode; replica: ClusterNode | undefined }> {
    const nodes = await this.nodes();
    const [any] = nodes.filter(({ isWell }) => isWell);
    if (any === undefined) throw new Error('no node is well');
    const slot = Number(await this.on(any.port, (client) => client.sendCommand(['CLUSTER', 'KEYSLOT', key])));
    const primary = nodes.find(({ slots }) => slots.some(([from, to]) => from <= slot && slot <= to));
    if (primary === undefined) throw new Error(`nobody has slot ${slot}`);
    return { slot, primary, replica: nodes.find(({ of, isWell }) => of === primary.id && isWell) };
  }

  /** The streams that a node is the primary of. */
  async streamsOn(port: number): Promise<readonly string[]> {
    const places = await Promise.all(
      this.streams.map(async (stream) => ({ stream, place: await this.placeOf(stream) })),
    );
    return places.filter(({ place }) => place.primary.port === port).map(({ stream }) => stream);
  }

  on<T>(port: number, work: (client: RedisClient) => Promise<T>): Promise<T> {
    return withRedis(`redis://127.0.0.1:${port}`, work);
  }

  /** Waits until every slot has a primary that is well. @param frozen the port of a node that can't be asked. */
  async healed(frozen?: number): Promise<void> {
    await until('healed', SETTLED_WITHIN_MS, async () => {
      const well = (await this.nodes(frozen)).filter(({ isPrimary, isWell }) => isPrimary && isWell);
      const covered = well.flatMap(({ slots }) => slots).reduce((sum, [from, to]) => sum + to - from + 1, 0);
      return covered === SLOTS ? undefined : `${covered} slots are covered`;
    });
  }

  /** Waits until every primary has a replica that is connected and has caught up. */
  async replicated(): Promise<void> {
    await until('replicated', SETTLED_WITHIN_MS, async () => {
      const primaries = (await this.nodes()).filter(({ slots }) => slots.length > 0);
      for (const { port } of primaries) {
        const info = await this.on(port, (client) => client.info('replication'));
        if (!/slave0:.*state=online/.test(info))
          return `${port} has no replica: ${info.replaceAll('\r\n', ' ')}`;
      }
      return undefined;
    });
  }

  /** Moves a slot with everything in it to another primary, as redis-cli does it. */
  async moveSlot(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
    const setSlot = (node: ClusterNode, ...args: string[]) =>
      this.on(node.port, (client) => client.sendCommand(['CLUSTER', 'SETSLOT', String(slot), ...args]));
    await setSlot(to, 'IMPORTING', from.id);
    await setSlot(from, 'MIGRATING', to.id);
    await this.on(from.port, async (client) => {
      for (;;) {
        const keys = (await client.sendCommand(['CLUSTER', 'GETKEYSINSLOT', String(slot), '1'])) as string[];
        if (keys.length === 0) return;
        // One key at a time: the shard is torn apart for as long as that takes.
        await client.sendCommand(['MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys]);
      }
    });
    await setSlot(to, 'NODE', to.id);
    await setSlot(from, 'NODE', to.id);
  }

  /** Of all shards together. */
  async backlog(): Promise<Backlog> {
    return sumOf(await this.backlogs());
  }

  /** Of each shard. Rejects when one of them can't be reached. */
  async backlogs(): Promise<readonly Backlog[]> {
    const running = [...this.#servers].filter(([, { isRunning }]) => isRunning).map(([port]) => port);
    const client = createCluster({
      rootNodes: running.map((port) => ({ url: `redis://127.0.0.1:${port}` })),
      minimizeConnections: true,
      defaults: { disableOfflineQueue: true, socket: { reconnectStrategy: false, socketTimeout: 5_000 } },
    });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await Promise.all(this.streams.map((stream) => backlogOf(client, stream)));
    } finally {
      client.destroy();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.stop()));
  }

  async #assemble(ports: readonly number[], buses: ReadonlyMap<number, number>): Promise<void> {
    const [first] = ports;
    for (const [at, port] of ports.entries()) {
      await this.on(port, async (client) => {
        await client.sendCommand(['CLUSTER', 'SET-CONFIG-EPOCH', String(at + 1)]);
        if (at < PRIMARIES) {
          const [from, to] = [at, at + 1].map((edge) => Math.floor((edge * SLOTS) / PRIMARIES)) as [
            number,
            number,
          ];
          await client.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', String(from), String(to - 1)]);
        }
        if (at > 0) {
          const bus = String(buses.get(first as number));
          await client.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', String(first), bus]);
        }
      });
    }
    await until('assembled', SETTLED_WITHIN_MS, async () => {
      for (const port of ports) {
        const text = await this.on(port, (client) => client.sendCommand<string>(['CLUSTER', 'NODES']));
        const known = nodesIn(text).filter(({ isWell }) => isWell).length;
        if (known < ports.length) return `${port} knows ${known} nodes`;
      }
      return undefined;
    });
    const nodes = await this.nodes();
    for (const [at, port] of ports.slice(PRIMARIES).entries()) {
      const primary = nodes.find((node) => node.port === ports[at]);
      await this.on(port, (client) => client.sendCommand(['CLUSTER', 'REPLICATE', primary?.id ?? '']));
    }
    await this.healed();
    await this.replicated();
  }
}

function nodesIn(text: string): readonly ClusterNode[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id = '', address = '', flags = '', of = '-', , , , link, ...slots] = line.split(' ');
      return {
        id,
        port: Number(/:(\d+)@/.exec(address)?.[1]),
        isPrimary: flags.includes('master'),
        isWell: link === 'connected' && !/fail|handshake|noaddr/.test(flags),
        of,
        // Slots on their way stand in brackets.
        slots: slots
          .filter((range) => !range.startsWith('['))
          .map((range) => {
            const [from = 0, to = from] = range.split('-').map(Number);
            return [from, to] as const;
          }),
      };
    });
}
