/** Finds the end of HTTP answers on a connection that has one request under way at a time. */

const HEAD_END = '\r\n\r\n';
const CHUNKS_END = '0\r\n\r\n';

export class AnswerReader {
  #text = '';

  /** What came of an answer that isn't whole yet. */
  get rest(): string {
    return this.#text;
  }

  /** @returns the status when `chunk` completes an answer. */
  read(chunk: Buffer): number | undefined {
    this.#text += chunk.toString('latin1');
    const head = this.#text.indexOf(HEAD_END);
    if (head === -1 || !this.#isWhole(head)) return undefined;
    const status = Number(this.#text.slice(9, 12));
    this.#text = '';
    return status;
  }

  #isWhole(head: number): boolean {
    const headers = this.#text.slice(0, head);
    const length = /\r\ncontent-length: *(\d+)/i.exec(headers)?.[1];
    if (length !== undefined) return this.#text.length >= head + HEAD_END.length + Number(length);
    return !/\r\ntransfer-encoding: *chunked/i.test(headers) || this.#text.endsWith(CHUNKS_END);
  }
}
