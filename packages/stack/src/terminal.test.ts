import { describe, expect, test } from 'vitest';
import { createTerminal } from './terminal.ts';

/** What was written, with the seconds, which vary, as N. */
async function written(
  use: (terminal: ReturnType<typeof createTerminal>) => Promise<unknown>,
): Promise<string> {
  let text = '';
  await use(createTerminal((more) => (text += more)));
  return text.replace(/\d+\.\d s/g, 'N s');
}

describe('the terminal', () => {
  test('says what is being done and then how long it took', async () => {
    expect(await written((terminal) => terminal.step('baking', async () => {}))).toBe('  baking … N s\n');
  });

  test('keeps a line that comes in the middle of a step on its own, and names the step again', async () => {
    const text = await written((terminal) => {
      return terminal.step('baking', async () => {
        terminal.line('smoke');
        terminal.line('fire');
      });
    });
    expect(text).toBe('  baking …\nsmoke\nfire\n  baking … N s\n');
  });

  test('says that a step failed and hands its error on', async () => {
    const text = await written(async (terminal) => {
      const step = terminal.step('baking', () => Promise.reject(new Error('burnt')));
      await expect(step).rejects.toThrow('burnt');
    });
    expect(text).toBe('  baking … failed\n');
  });
});
