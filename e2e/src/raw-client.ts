/** A client below HTTP: says what bytes a test wants, and keeps what it is told until the end. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { LATE } from './ledger.ts';

const HEAD_END = '\r\n\r\n';

export class RawClient {
  readonly #socket: Socket;
  #heard = '';
  #answered: ((status: number) => void) | undefined;
  /** Resolves when the connection is closed, by whom ever. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    // A reset is an end like others.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#heard += chunk.toString('latin1');
      if (this.status !== undefined && this.#isWhole) this.#answered?.(this.status);
    });
  }

  /** @param url such as `http://127.0.0.1:8080`. */
  static async connect(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const client = new RawClient(socket);
    await once(socket, 'connect');
    return client;
  }

  /** Opens many, some at a time. */
  static async connectMany(url: string, count: number): Promise<RawClient[]> {
    const clients: RawClient[] = [];
    while (clients.length < count) {
      const some = Math.min(CONNECTED_AT_ONCE, count - clients.length);
      clients.push(...(await Promise.all(Array.from({ length: some }, () => RawClient.connect(url)))));
    }
    return clients;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && !this.#socket.readableEnded;
  }

  /** The status of the first answer, `undefined` before there is one. */
  get status(): number | undefined {
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(this.#heard)?.[1];
    return status === undefined ? undefined : Number(status);
  }

  /** Resolves when it may say more. What is said to a closed connection is lost. */
  async say(bytes: string | Buffer): Promise<void> {
    if (!this.isOpen || this.#socket.write(bytes)) return;
    await Promise.race([once(this.#socket, 'drain').catch(() => undefined), this.closed]);
  }

  /**
   * Sends a whole request and waits for the whole answer, one after the other.
   *
   * @returns its status, or LATE, or `closed` when the connection was.
   */
  async ask(request: string | Buffer, answerWithinMs: number): Promise<number | string> {
    this.#heard = '';
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(LATE), answerWithinMs);
    });
    const answered = new Promise<number>((resolve) => {
      this.#answered = resolve;
    });
    this.#socket.write(request);
    const outcome = await Promise.race([answered, late, this.closed.then(() => 'closed')]);
    clearTimeout(timer);
    return outcome;
  }

  /** Has no more to say, and still listens. */
  end(): void {
    this.#socket.end();
  }

  hangUp(): void {
    this.#socket.destroy();
  }

  /** Whether an answer without chunks has come to its end. */
  get #isWhole(): boolean {
    const head = this.#heard.indexOf(HEAD_END);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#heard)?.[1] ?? 0);
    return head !== -1 && this.#heard.length >= head + HEAD_END.length + length;
  }
}

/** Under what a server's queue of new connections holds. */
const CONNECTED_AT_ONCE = 200;
