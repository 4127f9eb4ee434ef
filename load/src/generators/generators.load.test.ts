/** The generators that any machine can have, on a server that counts what it gets. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { HOW_TO_GET_K6 } from '../k6/find-k6.ts';
import { findProgram } from '../system/find-program.ts';
import { autocannon } from './autocannon.ts';
import type { Blaster } from './blast.ts';
import { k6 } from './k6.ts';

const BODY = '{"site_id":"a"}';

/** @returns what it was asked, and the generator's figures. */
async function blastServer(blaster: Blaster, status: number) {
  let asked = 0;
  const wrong: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      asked += 1;
      if (body !== BODY || request.headers['content-type'] !== 'application/json') wrong.push(body);
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const dir = await mkdtemp(join(tmpdir(), 'sluice-blast-'));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    return rm(dir, { recursive: true });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/event`;
  const blasted = await blaster.run({ url, connections: 5, seconds: 1, bodies: [BODY], dir });
  return { asked, wrong, blasted };
}

function installedK6(): Blaster {
  const found = k6(findProgram);
  if (found === undefined) throw new Error(HOW_TO_GET_K6);
  return found;
}

it.each([
  ['k6', installedK6],
  ['autocannon', () => autocannon],
])('%s posts the bodies as JSON and counts the answers', async (_, blaster) => {
  const { asked, wrong, blasted } = await blastServer(blaster(), 204);
  expect(wrong).toEqual([]);
  expect(blasted.failed).toBe(0);
  // Those that were under way at the end are answered, and not counted.
  expect(asked - blasted.requests).toBeGreaterThanOrEqual(0);
  expect(asked - blasted.requests).toBeLessThanOrEqual(5);
  expect(blasted.p99Ms).toBeGreaterThanOrEqual(blasted.p50Ms);
});

it.each([
  ['k6', installedK6],
  ['autocannon', () => autocannon],
])('%s counts refusals as failed', async (_, blaster) => {
  const { blasted } = await blastServer(blaster(), 503);
  expect(blasted.failed).toBeGreaterThan(0);
});
