/**
 * A child's side of several processes behind one port (processes.ts): it tells the primary what it wants to
 * know, and stops in order when the primary says so or is gone. Both are the end of their channel.
 */
import cluster from 'node:cluster';
import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { withDeadline } from './deadline.ts';
import type { MetricsSource } from './health.ts';
import type { Service } from './lifecycle.ts';
import type { Registry } from './metrics.ts';
import type { ToChild, ToPrimary } from './process-messages.ts';

/** The primary gives hung children a second; past this it hangs itself. */
const METRICS_DEADLINE_MS = 3_000;

/** To be called in a child alone, before it listens. */
export function joinPrimary(service: Service, registry: Registry): Child {
  return new Child(service, registry);
}

class Child {
  /** The metrics of all processes. */
  readonly metrics: MetricsSource;
  readonly #registry: Registry;
  readonly #waiting = new Map<number, (text: string) => void>();
  #server: Server | undefined;
  #lastAsked = 0;

  constructor(service: Service, registry: Registry) {
    this.#registry = registry;
    this.metrics = { contentType: registry.contentType, metrics: () => this.#metricsOfAll() };
    const stop = () => service.stop('the primary closed the channel');
    cluster.worker?.once('disconnect', () => {
      // Without this Node exits at once where the primary hadn't announced it.
      if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
      stop();
    });
    process.on('message', (message: ToChild) => this.#hear(message));
    if (!process.connected) stop();
  }

  /** The server that is behind the port of all; to be said before it listens. */
  serves(server: Server): void {
    this.#server = server;
  }

  /** What it depends on took its settings: once it listens too, others like it may be started. */
  settled(): void {
    say({ kind: 'settled' });
  }

  #hear(message: ToChild): void {
    switch (message.kind) {
      case 'close':
        // At once, and as a net.Server: the channel's end would close it as an http.Server, which resets
        // clients that are between two requests. What was handed over before is served.
        if (this.#server?.listening) NetServer.prototype.close.call(this.#server);
        break;
      case 'tell figures':
        void this.#tellFigures(message.id);
        break;
      case 'answer':
        this.#waiting.get(message.id)?.(message.text);
        break;
    }
  }

  async #tellFigures(id: number): Promise<void> {
    say({ kind: 'figures', id, figures: await this.#registry.getMetricsAsJSON() });
  }

  async #metricsOfAll(): Promise<string> {
    if (!process.connected) throw new Error('the primary is gone');
    this.#lastAsked += 1;
    const id = this.#lastAsked;
    const answer = new Promise<string>((resolve) => this.#waiting.set(id, resolve));
    say({ kind: 'ask', id });
    try {
      return await withDeadline(answer, METRICS_DEADLINE_MS, 'adding up the metrics of all processes');
    } finally {
      this.#waiting.delete(id);
    }
  }
}

/** Says it if there is still somebody to hear it. */
function say(message: ToPrimary): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
