import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeError, throttled } from './log.ts';

describe('an error in the log', () => {
  it('has its name, message and code, and nothing that a user may have sent', () => {
    const error = Object.assign(new TypeError('duplicate key'), {
      code: '23505',
      detail: 'Key (user_id)=(alice) already exists',
      query: 'insert alice',
      parameters: ['alice'],
      input: 'redis://:secret@host',
    });
    expect(describeError(error)).toEqual({ name: 'TypeError', message: 'duplicate key', code: '23505' });
  });

  it('has its causes, as bare as itself', () => {
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', detail: 'alice' });
    expect(describeError(new Error('no Redis', { cause: new Error('socket', { cause }) }))).toEqual({
      name: 'Error',
      message: 'no Redis',
      cause: {
        name: 'Error',
        message: 'socket',
        cause: { name: 'Error', message: 'refused', code: 'ECONNREFUSED' },
      },
    });
  });

  it('has each of several errors', () => {
    expect(describeError(new AggregateError([new Error('one'), 'two'], 'both'))).toEqual({
      name: 'AggregateError',
      message: 'both',
      errors: [{ name: 'Error', message: 'one' }, { message: 'two' }],
    });
  });

  it.each([['text'], [7], [null], [undefined]])('may be anything that was thrown: %j', (thrown) => {
    expect(describeError(thrown)).toEqual({ message: String(thrown) });
  });
});

describe('a throttled message', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('comes at once, then at most once in the interval, with how many were held back', () => {
    const write = vi.fn();
    const tell = throttled(5_000, write);
    for (let at = 0; at < 1_000; at += 1) tell();
    expect(write.mock.calls).toEqual([[0]]);
    vi.advanceTimersByTime(4_999);
    tell();
    expect(write).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1);
    tell();
    vi.advanceTimersByTime(5_000);
    tell();
    expect(write.mock.calls).toEqual([[0], [1_000], [0]]);
  });
});
