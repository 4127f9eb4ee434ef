import { machineMemoryBytes } from './machine-memory.ts';

const MIB_BYTES = 1024 * 1024;
/** An eighth of the memory, because Redis, five Node processes and the page cache live here too. */
const SHARED_BUFFERS_SHARE = 8;
const LEAST_SHARED_BUFFERS_MIB = 64;
/** The rollups of a day and the hot ends of the indexes fit; more only lengthens checkpoints. */
const MOST_SHARED_BUFFERS_MIB = 512;

/**
 * What a server on a small, shared machine wants, as postgresql.conf names it. A server that isn't durable keeps its
 * data when its process is killed, and may lose it with the machine.
 */
export function postgresSettings(
  durable: boolean,
  memoryBytes: number = machineMemoryBytes(),
): Record<string, string> {
  return {
    listen_addresses: '127.0.0.1',
    // No socket file: it would need a folder that both users may enter.
    unix_socket_directories: '',
    shared_buffers: `${sharedBuffersMib(memoryBytes)}MB`,
    // A checkpoint each gigabyte or ten minutes: fewer full-page images, and a recovery of seconds.
    max_wal_size: '1GB',
    checkpoint_timeout: '10min',
    wal_compression: 'on',
    random_page_cost: '1.1',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %q%u@%d %a ',
    // A statement, a detail and a COPY's context hold what users sent; logs don't.
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    synchronous_commit: 'on',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off', wal_level: 'minimal', max_wal_senders: '0' }),
  };
}

function sharedBuffersMib(memoryBytes: number): number {
  const share = Math.floor(memoryBytes / MIB_BYTES / SHARED_BUFFERS_SHARE);
  return Math.max(LEAST_SHARED_BUFFERS_MIB, Math.min(MOST_SHARED_BUFFERS_MIB, share));
}
