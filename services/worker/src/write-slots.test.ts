import { expect, it } from 'vitest';
import { WriteSlots } from './write-slots.ts';

/** Lets everything happen that waits for nothing but its turn. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Takes a slot for each name. @returns the names that have got theirs so far, in that order. */
function take(slots: WriteSlots, ...names: string[]): string[] {
  const got: string[] = [];
  for (const name of names) void slots.take().then(() => got.push(name));
  return got;
}

it('gives as many slots as there are, and then to each that waits in turn', async () => {
  const slots = new WriteSlots(2);
  const got = take(slots, 'a', 'b', 'c', 'd');
  await settled();
  expect(got).toEqual(['a', 'b']);
  slots.giveBack();
  await settled();
  expect(got).toEqual(['a', 'b', 'c']);
  slots.giveBack();
  slots.giveBack();
  await settled();
  expect(got).toEqual(['a', 'b', 'c', 'd']);
});

it('has no more slots after some were waited for than before', async () => {
  const slots = new WriteSlots(1);
  take(slots, 'a', 'b');
  slots.giveBack();
  slots.giveBack();
  const got = take(slots, 'c', 'd');
  await settled();
  expect(got).toEqual(['c']);
});

it('gives all slots to who wants all, when they are free and before those who come later', async () => {
  const slots = new WriteSlots(2);
  const got = take(slots, 'a');
  void slots.take(slots.size).then(() => got.push('all'));
  const later = take(slots, 'b', 'c');
  await settled();
  expect([got, later]).toEqual([['a'], []]);
  expect(slots.takeIfFree()).toBe(false);
  slots.giveBack();
  await settled();
  expect([got, later]).toEqual([['a', 'all'], []]);
  slots.giveBack(slots.size);
  await settled();
  expect(later).toEqual(['b', 'c']);
});

it('lets a busy shard have one turn while each of the others has one', async () => {
  const slots = new WriteSlots(1);
  const turns: string[] = [];
  const shard = async (name: string, count: number) => {
    for (let left = count; left > 0; left -= 1) {
      await slots.take();
      turns.push(name);
      await settled();
      slots.giveBack();
    }
  };
  await Promise.all([shard('busy', 6), shard('x', 2), shard('y', 2)]);
  expect(turns.join(' ')).toBe('busy x y busy x y busy busy busy busy');
});

it('a place that is free can be taken without waiting, and only then', async () => {
  const slots = new WriteSlots(1);
  expect(slots.takeIfFree()).toBe(true);
  expect(slots.takeIfFree()).toBe(false);
  const waiting = slots.take();
  slots.giveBack();
  await waiting;
  expect(slots.takeIfFree()).toBe(false);
  slots.giveBack();
  expect(slots.takeIfFree()).toBe(true);
});
