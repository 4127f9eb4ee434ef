import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/** With the one older file that is kept, a process's log stays below 20 MiB: days of warnings, hours of noise. */
const LARGEST_FILE_BYTES = 10 * 1024 * 1024;

export interface LogFile {
  write(line: string): void;
  close(): void;
}

/**
 * Opens a file to append lines to. Past its largest size it becomes `PATH.1`, in place of an older one, and a new
 * one begins. A line that can't be written (a full disk) is given up: a log must never stop the pipeline.
 */
export function openLogFile(path: string, largestBytes: number = LARGEST_FILE_BYTES): LogFile {
  let fd: number | undefined = openSync(path, 'a', 0o600);
  let bytes = fstatSync(fd).size;

  const rotate = () => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
    renameSync(path, `${path}.1`);
    fd = openSync(path, 'a', 0o600);
    bytes = 0;
  };

  return {
    write(line) {
      if (fd === undefined) return;
      const data = Buffer.from(`${line}\n`);
      try {
        if (bytes > 0 && bytes + data.length > largestBytes) rotate();
        writeSync(fd, data);
        bytes += data.length;
      } catch {
        // Given up, as told above.
      }
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}
