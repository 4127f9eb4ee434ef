import { PassThrough, Readable } from 'node:stream';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BodyBudget, inflateBody, readBody } from './body.ts';

const MAX_BYTES = 1_000;
const body = (...chunks: (string | Buffer)[]) => Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
const text = async (incoming: Readable) => {
  const read = await readBody(incoming, MAX_BYTES);
  return read.ok ? read.bytes.toString() : read.reason;
};

describe('a body', () => {
  it('comes whole, in however many chunks', async () => {
    expect(await text(body())).toBe('');
    expect(await text(body('one'))).toBe('one');
    expect(await text(body('o', 'n', 'e'))).toBe('one');
    const euro = Buffer.from('€');
    expect(await text(body(euro.subarray(0, 1), euro.subarray(1)))).toBe('€');
  });

  it('may have as many bytes as the limit and no more, in one chunk or many', async () => {
    const full = 'x'.repeat(MAX_BYTES);
    expect(await text(body(full))).toBe(full);
    expect(await text(body(`${full}x`))).toBe('too_large');
    expect(await text(body(...full))).toBe(full);
    expect(await text(body(...full, 'x'))).toBe('too_large');
  });

  it('that is too large is refused before its end, and the rest of it thrown away', async () => {
    const endless = new PassThrough();
    endless.write('x'.repeat(MAX_BYTES + 1));
    expect(await text(endless)).toBe('too_large');
    for (let sent = 0; sent < 1_000; sent += 1) endless.write('x'.repeat(MAX_BYTES));
    endless.end();
    await new Promise((resolve) => endless.once('end', resolve));
    expect(endless.readableLength).toBe(0);
  });

  it.each([
    ['ends without a word', undefined],
    ['breaks', new Error('aborted')],
  ])('that %s is cut off', async (_, error) => {
    const incoming = new PassThrough();
    const reading = text(incoming);
    // In a packet of its own.
    await new Promise((resolve) => setImmediate(resolve));
    incoming.write('half');
    incoming.destroy(error);
    expect(await reading).toBe('cut_off');
  });

  it('is cut off, too, when its end comes with its beginning', async () => {
    const incoming = new PassThrough();
    const reading = text(incoming);
    incoming.destroy();
    expect(await reading).toBe('cut_off');
  });
});

describe('content-encoding', () => {
  const inflated = async (bytes: Buffer, encoding?: string) => {
    const result = await inflateBody(bytes, encoding, MAX_BYTES, new BodyBudget(MAX_BYTES));
    return result.ok ? result.bytes.toString() : result.reason;
  };
  const full = 'x'.repeat(MAX_BYTES);

  it('may be absent, identity or gzip', async () => {
    expect(await inflated(Buffer.from('plain'))).toBe('plain');
    expect(await inflated(Buffer.from('plain'), 'identity')).toBe('plain');
    expect(await inflated(gzipSync('packed'), 'gzip')).toBe('packed');
    expect(await inflated(gzipSync('packed'), 'GZIP')).toBe('packed');
  });

  it.each([
    ['br', brotliCompressSync('packed')],
    ['deflate', deflateSync('packed')],
    ['gzip, gzip', gzipSync(gzipSync('packed'))],
    ['', Buffer.from('plain')],
  ])('must not be %j', async (encoding, bytes) => {
    expect(await inflated(bytes, encoding)).toBe('unsupported_type');
  });

  it('of a body that inflates past the limit costs no more than the limit', async () => {
    expect(await inflated(gzipSync(full), 'gzip')).toBe(full);
    expect(await inflated(gzipSync(`${full}x`), 'gzip')).toBe('too_large');
    expect(await inflated(gzipSync(Buffer.alloc(50_000_000)), 'gzip')).toBe('too_large');
  });

  it('that the body is not, is a body cut off', async () => {
    expect(await inflated(Buffer.from('plain'), 'gzip')).toBe('cut_off');
    expect(await inflated(gzipSync(full).subarray(0, 20), 'gzip')).toBe('cut_off');
    expect(await inflated(Buffer.alloc(0), 'gzip')).toBe('cut_off');
  });
});
