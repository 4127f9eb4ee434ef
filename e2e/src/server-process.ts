/** A Redis or Postgres that a test may kill, freeze and start again, on the same data and port. */
import type { Server } from '@sluice/stack/launch';

export class ServerProcess {
  /** The same after every start. */
  readonly url: string;
  readonly port: number;
  readonly #start: () => Promise<Server>;
  #server: Server | undefined;

  private constructor(start: () => Promise<Server>, server: Server) {
    this.#start = start;
    this.#server = server;
    this.url = server.url;
    this.port = server.port;
  }

  /** @param start starts it, always with the same folder and port, and resolves when it is ready. */
  static async start(start: () => Promise<Server>): Promise<ServerProcess> {
    return new ServerProcess(start, await start());
  }

  get pid(): number {
    return this.#alive.pid;
  }

  get isRunning(): boolean {
    return this.#server !== undefined;
  }

  /** Sends a signal that ends it, and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const server = this.#alive;
    server.kill(signal);
    await server.exited;
    this.#server = undefined;
  }

  /** Waits until it has ended by itself. */
  async ended(): Promise<void> {
    await this.#alive.exited;
    this.#server = undefined;
  }

  /** Starts it again; resolves when it is ready. */
  async restart(): Promise<void> {
    if (this.#server !== undefined) throw new Error('it runs already');
    this.#server = await this.#start();
  }

  freeze(): void {
    this.#alive.kill('SIGSTOP');
  }

  thaw(): void {
    this.#alive.kill('SIGCONT');
  }

  /** Ends it in its own way, also when it is frozen or gone. */
  async stop(): Promise<void> {
    this.#server?.kill('SIGCONT');
    await this.#server?.stop();
    this.#server = undefined;
  }

  get #alive(): Server {
    if (this.#server === undefined) throw new Error("it doesn't run");
    return this.#server;
  }
}
