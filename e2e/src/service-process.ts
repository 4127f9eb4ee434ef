/**
 * One service as a real process: started, killed, frozen, started again, and asked afterwards how it
 * ended each time and whether that was our doing.
 */
import { describeExit, type Exit, launch, type Running } from '@sluice/stack/launch';
import { inheritedEnvironment } from './config.ts';
import { instrumented, type Rewrite } from './instrument.ts';
import { projectDir } from './project-dir.ts';
import { Hopeless, until } from './until.ts';

export type ServiceName = 'ingest' | 'worker' | 'stats';

export interface ServiceOptions {
  readonly service: ServiceName;
  /** Such as `worker-2`, in reports. */
  readonly label: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  readonly rewrites?: readonly Rewrite[];
}

/** An end of the process. */
export interface Ended extends Exit {
  /** A test killed or stopped it, or said that it would end. */
  readonly asked: boolean;
}

/** A line of the log; `msg` holds the line itself when it isn't JSON. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: unknown };

/** Starting takes half a second on an idle core; the rest is for two cores with much else on them. */
const READY_WITHIN_MS = 40_000;
const PROBE_WITHIN_MS = 5_000;
/** A service's own stop ends within 9 s; see lifecycle.ts. */
const ENDS_WITHIN_MS = 12_000;
const KEPT_LINES = 20_000;

export class ServiceProcess {
  readonly label: string;
  readonly service: ServiceName;
  readonly url: string;
  /** Every end so far, oldest first. */
  readonly ends: Ended[] = [];
  /** The log of all its lives, oldest first. */
  readonly log: LogLine[] = [];
  readonly #options: ServiceOptions;
  #running: Running | undefined;
  #ending: Promise<Ended> | undefined;
  #asked = false;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.label = options.label;
    this.service = options.service;
    this.url = `http://127.0.0.1:${options.port}`;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** @throws when it doesn't run. */
  get pid(): number {
    return this.#alive.pid;
  }

  /** Spawns it; doesn't wait for more. */
  async start(): Promise<void> {
    if (this.#running !== undefined) throw new Error(`${this.label} runs already`);
    const { service, port, env, rewrites = [] } = this.#options;
    const { args, env: instrument } = instrumented(rewrites);
    this.#asked = false;
    const running = await launch({
      command: process.execPath,
      args: [...args, `${projectDir}/services/${service}/src/main.ts`],
      cwd: projectDir,
      env: { ...inheritedEnvironment(), HOST: '127.0.0.1', ...env, ...instrument, PORT: String(port) },
      stopSignal: 'SIGTERM',
      graceMs: ENDS_WITHIN_MS,
      onLine: (line) => this.#keep(line),
    });
    this.#running = running;
    this.#ending = running.exited.then((exit) => {
      const ended = { ...exit, asked: this.#asked };
      this.ends.push(ended);
      this.#running = undefined;
      return ended;
    });
  }

  /** Starts it and waits until it says that it is ready. */
  async startReady(): Promise<void> {
    await this.start();
    await this.ready();
  }

  /** Waits until /readyz answers 200. */
  async ready(withinMs = READY_WITHIN_MS): Promise<void> {
    await until(`ready: ${this.label}`, withinMs, async () => {
      if (!this.isRunning) throw new Hopeless(`it ended: ${this.lastWords}`);
      const { status, body } = await this.probe('/readyz');
      return status === 200 ? undefined : body;
    });
  }

  /** Waits until it answers at all. */
  async live(withinMs = READY_WITHIN_MS): Promise<void> {
    await until(`live: ${this.label}`, withinMs, async () => {
      const { status } = await this.probe('/livez');
      return status === 200 ? undefined : `status ${status}`;
    });
  }

  async probe(path: string): Promise<{ status: number; body: string }> {
    const response = await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(PROBE_WITHIN_MS) });
    return { status: response.status, body: await response.text() };
  }

  /** The value of a metric, with a label such as `reason="read"` if it has some; 0 when it isn't there. */
  async metric(name: string, label = ''): Promise<number> {
    const { body } = await this.probe('/metrics');
    const lines = body
      .split('\n')
      .filter((each) => each.startsWith(`${name}{`) || each.startsWith(`${name} `));
    const line = lines.find((each) => each.includes(label));
    return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ') + 1));
  }

  /** Sends a signal that ends it, and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended> {
    this.#asked = true;
    this.#alive.kill(signal);
    return this.ended();
  }

  /** SIGTERM, and the end of what it has to do. */
  stop(): Promise<Ended> {
    return this.kill('SIGTERM');
  }

  /** Sends a signal and waits for nothing. Whatever ends it from now on was asked for. */
  signal(signal: NodeJS.Signals): void {
    this.#asked = true;
    this.#alive.kill(signal);
  }

  /** SIGSTOP: it does nothing, not even notice. */
  freeze(): void {
    this.#alive.kill('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    this.#alive.kill('SIGCONT');
  }

  /** Kills it if it runs, and starts it again. */
  async restart(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.isRunning) await this.kill(signal);
    await this.startReady();
  }

  /** From now on its end is asked for: a failpoint in it will kill it. Resolves with that end. */
  dies(): Promise<Ended> {
    this.#asked = true;
    return this.ended();
  }

  /** Waits for its end. */
  async ended(withinMs = ENDS_WITHIN_MS): Promise<Ended> {
    const ending = this.#ending;
    if (ending === undefined) throw new Error(`${this.label} was never started`);
    // Of this life: whoever keeps it running may have started the next one already.
    let over = false;
    void ending.then(() => {
      over = true;
    });
    await until(`ended: ${this.label}`, withinMs, () => (over ? undefined : this.lastWords));
    return ending;
  }

  /** Waits for a line of the log of any of its lives. */
  async logged(what: string, match: (line: LogLine) => boolean, withinMs = READY_WITHIN_MS): Promise<void> {
    await until(`told by ${this.label}: ${what}`, withinMs, () =>
      this.log.some(match) ? undefined : this.lastWords,
    );
  }

  /** The last lines of its log, and how it ended. */
  get lastWords(): string {
    const lines = this.log.slice(-8).map((line) => JSON.stringify(line));
    const ends = this.ends.map((end) => `${describeExit(end)}${end.asked ? ' as asked' : ''}`).join(', ');
    return [`${this.label}${ends === '' ? '' : ` (${ends})`}`, ...lines].join('\n    ');
  }

  get #alive(): Running {
    if (this.#running === undefined) throw new Error(`it doesn't run: ${this.lastWords}`);
    return this.#running;
  }

  #keep(line: string): void {
    if (this.log.length >= KEPT_LINES) this.log.shift();
    try {
      this.log.push(JSON.parse(line) as LogLine);
    } catch {
      this.log.push({ msg: line });
    }
  }
}
