import type { AppendReply, NewEntry } from '@sluice/event/stream-scripts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Appender, type ObservedAppend, type Outcome } from './appender.ts';

const DEADLINE_MS = 1_500;
const REPLY: AppendReply = { added: true, accepted: 1, settled: 0 };
const KIB = 1_024;

/** An append that the test answers when it wants. */
interface UnderWay {
  readonly entries: readonly NewEntry[];
  readonly answer: (reply?: AppendReply) => void;
  readonly fail: (error: Error) => void;
}

let underWay: UnderWay[];
let observed: ObservedAppend[];
let appender: Appender;

beforeEach(() => {
  vi.useFakeTimers();
  underWay = [];
  observed = [];
  appender = new Appender({
    append: (entries) => {
      const { promise, resolve, reject } = Promise.withResolvers<AppendReply>();
      underWay.push({ entries, answer: (reply = REPLY) => resolve(reply), fail: reject });
      return promise;
    },
    deadlineMs: DEADLINE_MS,
    shards: 1,
    observe: (append) => observed.push(append),
  });
});
afterEach(async () => {
  await settled();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Lets everything happen that waits for nothing but its turn. */
const settled = () => vi.advanceTimersByTimeAsync(0);

/** Adds lines and tells what became of them: `undefined` as long as that is open. */
function add(...lines: string[]): { outcome: Outcome | undefined } {
  const added: { outcome: Outcome | undefined } = { outcome: undefined };
  void appender.add(lines).then((outcome) => {
    added.outcome = outcome;
  });
  return added;
}

const outcomes = (added: { outcome: Outcome | undefined }[]) => added.map(({ outcome }) => outcome);

/** The append that is under way. */
function current(): UnderWay {
  const last = underWay.at(-1);
  if (last === undefined) throw new Error('nothing is under way');
  return last;
}

/** Answers each append as it comes, until none is under way. */
async function answerAll(): Promise<void> {
  for (let answered = 0; answered < underWay.length; answered += 1) {
    underWay[answered]?.answer();
    await settled();
  }
}

describe('group commit', () => {
  it('sends together what arrives in one turn of the event loop', async () => {
    const added = [add('a'), add('b', 'c')];
    await settled();
    expect(underWay.map(({ entries }) => entries)).toEqual([[{ n: 3, events: 'a\nb\nc' }]]);
    expect(outcomes(added)).toEqual([undefined, undefined]);
    current().answer();
    await settled();
    expect(outcomes(added)).toEqual(['appended', 'appended']);
  });

  it('keeps what arrives while an append is under way, and sends it as one when that has ended', async () => {
    const first = add('a');
    await settled();
    const later = ['b', 'c', 'd'].map((line) => add(line));
    await settled();
    expect(underWay).toHaveLength(1);
    current().answer();
    await settled();
    expect(current().entries).toEqual([{ n: 3, events: 'b\nc\nd' }]);
    expect(outcomes([first, ...later])).toEqual(['appended', undefined, undefined, undefined]);
    current().answer();
    await settled();
    expect(outcomes(later)).toEqual(['appended', 'appended', 'appended']);
    expect(underWay).toHaveLength(2);
  });

  it('starts again after it was idle', async () => {
    for (const line of ['a', 'b']) {
      const added = add(line);
      await settled();
      current().answer();
      await settled();
      expect(added.outcome).toBe('appended');
    }
    expect(underWay).toHaveLength(2);
  });

  it('tells those of a refused append that the backlog is full, and goes on', async () => {
    const first = add('a');
    await settled();
    const second = add('b');
    current().answer({ added: false, accepted: 10, settled: 0 });
    await settled();
    current().answer();
    await settled();
    expect(outcomes([first, second])).toEqual(['backlog_full', 'appended']);
  });

  it('tells those of a failed append that nobody knows, and goes on', async () => {
    const first = add('a');
    await settled();
    const second = add('b');
    current().fail(new Error('socket closed'));
    await settled();
    current().answer();
    await settled();
    expect(outcomes([first, second])).toEqual(['unavailable', 'appended']);
  });

  it.each(['TRYAGAIN Multiple keys', 'MOVED 1 127.0.0.1:7001', 'CLUSTERDOWN Hash slot not served'])(
    'tells those of an append that Redis did not even begin so: %s',
    async (message) => {
      const added = add('a');
      await settled();
      current().fail(new Error(message));
      await settled();
      expect(added.outcome).toBe('unwritten');
    },
  );

  it('tells what each append brought and how long it took', async () => {
    add('a', 'b');
    await settled();
    add('c');
    await vi.advanceTimersByTimeAsync(250);
    current().answer();
    await settled();
    const error = new Error('socket closed');
    current().fail(error);
    await settled();
    expect(observed).toEqual([
      { reply: REPLY, error: undefined, events: 2, seconds: 0.25 },
      { reply: undefined, error, events: 1, seconds: 0 },
    ]);
  });
});

describe('an append past its deadline', () => {
  it('is answered as unavailable, with all that waited, and nothing is sent until it settles', async () => {
    const first = add('a');
    await settled();
    const waiting = add('b');
    await vi.advanceTimersByTimeAsync(DEADLINE_MS - 1);
    expect(outcomes([first, waiting])).toEqual([undefined, undefined]);
    await vi.advanceTimersByTimeAsync(1);
    expect(outcomes([first, waiting])).toEqual(['unavailable', 'unavailable']);
    const meanwhile = add('c');
    await settled();
    expect(meanwhile.outcome).toBe('unavailable');
    expect(underWay).toHaveLength(1);
    current().answer();
    await settled();
  });

  it.each([
    ['succeeds', () => current().answer()],
    ['fails', () => current().fail(new Error('socket closed'))],
  ])('leaves the way free when it %s after all', async (_, end) => {
    const late = add('a');
    await settled();
    add('b');
    await vi.advanceTimersByTimeAsync(10 * DEADLINE_MS);
    end();
    await settled();
    const next = add('c');
    await settled();
    // What waited was answered, so it isn't sent any more.
    expect(current().entries).toEqual([{ n: 1, events: 'c' }]);
    current().answer();
    await settled();
    expect(outcomes([late, next])).toEqual(['unavailable', 'appended']);
  });

  it('counts the time that its events waited before', async () => {
    add('a');
    await settled();
    const second = add('b');
    await vi.advanceTimersByTimeAsync(DEADLINE_MS - 10);
    current().answer();
    await settled();
    expect(second.outcome).toBeUndefined();
    await vi.advanceTimersByTimeAsync(10);
    expect(second.outcome).toBe('unavailable');
  });
});

describe('the sizes', () => {
  const sizes = () => underWay.map(({ entries }) => entries.map(({ n }) => n));

  it('of an entry are at most 500 events, however many one request brings', async () => {
    const added = add(...Array.from({ length: 1_201 }, (_, at) => String(at)));
    await settled();
    expect(sizes()).toEqual([[500, 500, 201]]);
    const lines = current().entries.flatMap(({ events }) => events.split('\n'));
    expect(lines).toEqual(Array.from({ length: 1_201 }, (_, at) => String(at)));
    await answerAll();
    expect(added.outcome).toBe('appended');
  });

  it('of an entry are at most 256 KiB of text', async () => {
    const line = 'x'.repeat(64 * KIB);
    add(...Array.from({ length: 9 }, () => line), 'small');
    await settled();
    expect(sizes()).toEqual([[4, 4, 2]]);
    await answerAll();
  });

  it('of an append stay near 1 MiB: the rest goes with the next', async () => {
    add('first');
    await settled();
    const line = 'x'.repeat(64 * KIB);
    const added = Array.from({ length: 40 }, () => add(line));
    await answerAll();
    expect(sizes().map((entries) => entries.reduce((sum, n) => sum + n, 0))).toEqual([1, 17, 17, 6]);
    expect(new Set(outcomes(added))).toEqual(new Set(['appended']));
  });

  it('of what waits are at most 32 MiB: more is answered at once as unavailable', async () => {
    add('first');
    await settled();
    const line = 'x'.repeat(64 * KIB);
    const added = Array.from({ length: 600 }, () => add(line));
    await settled();
    expect(added.findIndex(({ outcome }) => outcome === 'unavailable')).toBe(32 * 16 + 1);
    await answerAll();
    expect(add('after').outcome).toBeUndefined();
    await answerAll();
    expect(outcomes(added).filter((outcome) => outcome === 'appended')).toHaveLength(32 * 16 + 1);
  });
});

describe('drained', () => {
  /** Whether drained() has resolved. */
  function draining(): { done: boolean } {
    const state = { done: false };
    void appender.drained().then(() => {
      state.done = true;
    });
    return state;
  }

  it('resolves at once when nothing is under way', async () => {
    const state = draining();
    await settled();
    expect(state.done).toBe(true);
  });

  it('waits for what is under way and for what waits behind it', async () => {
    add('a');
    const state = draining();
    await settled();
    add('b');
    current().answer();
    await settled();
    expect([underWay.length, state.done]).toEqual([2, false]);
    current().answer();
    await settled();
    expect(state.done).toBe(true);
  });

  it('waits for an append past its deadline to settle', async () => {
    add('a');
    await vi.advanceTimersByTimeAsync(2 * DEADLINE_MS);
    const state = draining();
    await settled();
    expect(state.done).toBe(false);
    current().fail(new Error('socket closed'));
    await settled();
    expect(state.done).toBe(true);
  });
});
