import { expect, it } from 'vitest';
import { parseHey } from './hey.ts';

const REPORT = `
Summary:
  Total:	4.0127 secs
  Slowest:	0.0532 secs
  Requests/sec:	12460.3921

Latency distribution:
  10%% in 0.0051 secs
  50%% in 0.0074 secs
  99%% in 0.0191 secs

Status code distribution:
  [204]	49990 responses
  [503]	7 responses

Error distribution:
  [3]	Post "http://127.0.0.1:1/event": read: connection reset by peer
`;

it("hey's report is read: successes, failures and how long they took", () => {
  const blasted = parseHey(REPORT);
  expect(blasted).toMatchObject({ requests: 49_990, seconds: 4.0127, failed: 10 });
  expect(blasted.p50Ms).toBeCloseTo(7.4);
  expect(blasted.p99Ms).toBeCloseTo(19.1);
});
