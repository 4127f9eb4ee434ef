import { describe, expect, it } from 'vitest';
import { serverOptions } from './http-server.ts';
import { rawClient, serving } from './testing/http.ts';

describe.concurrent('a client that takes too long', () => {
  it.each([
    ['its headers', 'GET / HTTP/1.1\r\nhost: a\r\n'],
    ['its first word', ''],
  ])('with %s is answered 408 and cut off', async (_, words) => {
    const { port } = await serving(serverOptions, (request) => void request.resume());
    const slow = rawClient(port, words);
    await slow.receives('HTTP/1.1 408 ');
    await slow.closed();
    expect(slow.received()).toContain('Connection: close');
  });
});
