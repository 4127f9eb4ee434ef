/**
 * A TCP proxy on the loopback whose network can be spoiled while it runs.
 *
 * A mode holds for connections that are open and for those to come, until another one is set. In a
 * black hole nothing is read or passed on, and no end is told to the other side; what was sent into it
 * arrives once it is healed, as TCP's own retransmissions would, even if its sender has gone by then.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

type Mode =
  | { readonly kind: 'pass' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  | { readonly kind: 'blackhole' }
  | { readonly kind: 'reset' };

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

const LOOPBACK = '127.0.0.1';

export class TcpProxy {
  readonly port: number;
  readonly #listener: Server;
  #targetPort: number;
  readonly #links = new Set<Link>();
  #mode: Mode = { kind: 'pass' };
  #changed = Promise.withResolvers<void>();
  /** Bytes that may still go to the server before the connection that carries them is cut. */
  #bytesLeft = Number.POSITIVE_INFINITY;

  private constructor(listener: Server, targetPort: number) {
    this.#listener = listener;
    this.#targetPort = targetPort;
    this.port = (listener.address() as AddressInfo).port;
    listener.on('connection', (client) => this.#accept(client));
  }

  /** Listens on a port and passes everything on to `targetPort`. */
  static async start(port: number, targetPort: number): Promise<TcpProxy> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true });
    listener.listen(port, LOOPBACK);
    await once(listener, 'listening');
    return new TcpProxy(listener, targetPort);
  }

  /** Connections that are open on the client's side. */
  get connections(): number {
    return this.#links.size;
  }

  pass(): void {
    this.#bytesLeft = Number.POSITIVE_INFINITY;
    this.#enter({ kind: 'pass' });
  }

  /** Holds each piece back for `ms`, both ways. */
  delay(ms: number): void {
    this.#enter({ kind: 'delay', ms });
  }

  /** Each connection carries at most so much, each way. */
  throttle(bytesPerSecond: number): void {
    this.#enter({ kind: 'throttle', bytesPerSecond });
  }

  /** Drops both ways, without a reset. New connections open and stay silent. */
  blackhole(): void {
    this.#enter({ kind: 'blackhole' });
  }

  /** Resets every connection, and new ones at once. */
  reset(): void {
    this.#enter({ kind: 'reset' });
    for (const { client, server } of this.#links) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Tells one side of every open connection that the other has no more to say; the other way stays open. */
  halfClose(side: 'client' | 'server'): void {
    for (const link of this.#links) link[side].end();
  }

  /** After `bytes` more towards the server, over all connections, cuts the one that carries the last of them. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes;
  }

  /** Resets every connection, and leads new ones to another server. */
  retarget(port: number): void {
    this.#targetPort = port;
    this.reset();
    this.pass();
  }

  async close(): Promise<void> {
    this.reset();
    this.#listener.close();
    if (this.#listener.listening) await once(this.#listener, 'close');
  }

  #enter(mode: Mode): void {
    this.#mode = mode;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #accept(client: Socket): void {
    if (this.#mode.kind === 'reset') {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const server = connect({
      port: this.#targetPort,
      host: LOOPBACK,
      allowHalfOpen: true,
      noDelay: true,
    });
    const link: Link = { client, server };
    this.#links.add(link);
    for (const socket of [client, server]) {
      socket.on('error', () => undefined);
      socket.on('close', () => this.#links.delete(link));
    }
    const ways = [this.#carry(client, server, true), this.#carry(server, client, false)];
    for (const way of ways) {
      way.catch(() => {
        client.resetAndDestroy();
        server.resetAndDestroy();
      });
    }
  }

  async #carry(from: Socket, to: Socket, upstream: boolean): Promise<void> {
    // Without destroyOnReturn the end of one way would close the other.
    for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      await this.#admit(chunk.length);
      if (upstream && chunk.length >= this.#bytesLeft) {
        to.end(chunk.subarray(0, this.#bytesLeft));
        this.#bytesLeft = Number.POSITIVE_INFINITY;
        from.resetAndDestroy();
        return;
      }
      if (upstream) this.#bytesLeft -= chunk.length;
      if (!to.write(chunk)) await once(to, 'drain');
    }
    await this.#admit(0);
    to.end();
  }

  /** Resolves when a piece of so many bytes may go on. */
  async #admit(bytes: number): Promise<void> {
    while (this.#mode.kind === 'blackhole') await this.#changed.promise;
    if (this.#mode.kind === 'delay') await sleep(this.#mode.ms);
    if (this.#mode.kind === 'throttle') await sleep((bytes / this.#mode.bytesPerSecond) * 1_000);
  }
}
