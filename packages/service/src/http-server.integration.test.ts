import { expect, it } from 'vitest';
import { serverOptions } from './http-server.ts';
import { rawClient, serving } from './testing/http.ts';

it('a client that is slow with its headers, or says nothing at all, is answered 408 and cut off', async () => {
  const { port } = await serving(serverOptions, (_, response) => void response.end());
  const slow = rawClient(port, 'GET / HTTP/1.1\r\nhost: a\r\n');
  const silent = rawClient(port);
  for (const client of [slow, silent]) {
    await client.closed();
    expect(client.received()).toMatch(/^HTTP\/1\.1 408 .*Connection: close/s);
  }
});
