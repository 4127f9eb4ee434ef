/**
 * What a process says of itself: `/livez`, `/readyz`, `/metrics`.
 *
 * Liveness only says that the event loop turns: it never touches Redis or Postgres, since killing a
 * process doesn't bring those back. Readiness names each thing that is missing.
 */
import type { Registry } from 'prom-client';

/** Says why something isn't ready, or `undefined` when it is. Must answer from memory, at once. */
export type Check = () => string | undefined;

/** An answer to a probe, for whatever HTTP server the service has. */
export interface ProbeAnswer {
  readonly status: 200 | 503;
  readonly type: string;
  readonly body: string;
}

/** Whatever has the metrics: a process's registry, or the sum over several processes. */
export type MetricsSource = Pick<Registry, 'contentType' | 'metrics'>;

const JSON_TYPE = 'application/json';

/** The three probes of one process. */
export class Health {
  readonly #service: string;
  readonly #version: string;
  readonly #source: MetricsSource;
  readonly #checks = new Map<string, Check>();
  readonly #details = new Map<string, Check>();
  #stopping = false;

  constructor(service: string, source: MetricsSource, version = 'dev') {
    this.#service = service;
    this.#source = source;
    this.#version = version;
  }

  /** Not ready as long as `check` names a reason. */
  require(name: string, check: Check): void {
    this.#checks.set(name, check);
  }

  /** Shown in `/readyz` without making the process unready. */
  warn(name: string, check: Check): void {
    this.#details.set(name, check);
  }

  /** From now on not ready, so that a balancer sends no more. */
  stopping(): void {
    this.#stopping = true;
  }

  /** The answer for `path`, `undefined` for any other path. */
  async answer(path: string): Promise<ProbeAnswer | undefined> {
    switch (path) {
      case '/livez':
        return {
          status: 200,
          type: JSON_TYPE,
          body: JSON.stringify({ service: this.#service, version: this.#version }),
        };
      case '/readyz':
        return this.#readiness();
      case '/metrics':
        return this.#metrics();
      default:
        return undefined;
    }
  }

  /** A scrape that fails leaves a gap; part of a sum would look like counters that began anew. */
  async #metrics(): Promise<ProbeAnswer> {
    try {
      return { status: 200, type: this.#source.contentType, body: await this.#source.metrics() };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { status: 503, type: JSON_TYPE, body: JSON.stringify({ error: `no metrics: ${reason}` }) };
    }
  }

  #readiness(): ProbeAnswer {
    const missing = reasonsOf(this.#checks);
    if (this.#stopping) missing['process'] = 'stopping';
    const ready = Object.keys(missing).length === 0;
    const warnings = reasonsOf(this.#details);
    return { status: ready ? 200 : 503, type: JSON_TYPE, body: JSON.stringify({ ready, missing, warnings }) };
  }
}

function reasonsOf(checks: ReadonlyMap<string, Check>): Record<string, string> {
  const reasons: Record<string, string> = {};
  for (const [name, check] of checks) {
    const reason = check();
    if (reason !== undefined) reasons[name] = reason;
  }
  return reasons;
}
