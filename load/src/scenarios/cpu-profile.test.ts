import { expect, it } from 'vitest';
import { partsOf } from './cpu-profile.ts';

const frame = (id: number, functionName: string, url: string) => ({ id, callFrame: { functionName, url } });

it('shares are of the busy time since the work began, by file of ours and by package of others', () => {
  const nodes = [
    frame(1, '(idle)', ''),
    frame(2, '(garbage collector)', ''),
    frame(3, 'accept', 'file:///x/services/ingest/src/accept.ts'),
    frame(4, 'parse', 'file:///x/packages/event/src/event.ts'),
    frame(5, 'write', 'file:///x/node_modules/.pnpm/hono@4/node_modules/hono/dist/a.js'),
    frame(6, 'end', 'node:_http_outgoing'),
  ];
  const parts = partsOf(
    { nodes, samples: [6, 1, 2, 3, 4, 5, 6], timeDeltas: [500, 900, 10, 40, 20, 20, 10], startTime: 5_000 },
    5_600,
  );
  expect(parts.map(({ name, share }) => [name, Math.round(share * 100)])).toEqual([
    ['Sluice: accept', 40],
    ['Sluice: packages/event/src/event', 20],
    ['hono', 20],
    ['garbage collection', 10],
    ['node: http', 10],
  ]);
});
