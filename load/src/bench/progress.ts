/** What the bench says while it works, on stderr: one line that changes in a terminal, lines elsewhere. */

export interface Progress {
  /** What is being done now, in place of what was. */
  now(words: string): void;
  /** Something that stays. */
  keep(line: string): void;
}

const CLEAR_LINE = '\r\u001b[2K';

export function createProgress(stream: NodeJS.WriteStream): Progress {
  const startedAt = performance.now();
  const clock = () => {
    const seconds = Math.floor((performance.now() - startedAt) / 1_000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  };
  if (!stream.isTTY) {
    return {
      now: (words) => void stream.write(`${clock()}  ${words}\n`),
      keep: (line) => void stream.write(`${line}\n`),
    };
  }
  return {
    // Cut, because a line that wraps can't be cleared.
    now: (words) =>
      void stream.write(`${CLEAR_LINE}${clock()}  ${words}`.slice(0, CLEAR_LINE.length + stream.columns - 1)),
    keep: (line) => void stream.write(`${CLEAR_LINE}${line}\n`),
  };
}
