/**
 * Events as rows in COPY's binary form (https://www.postgresql.org/docs/current/sql-copy.html).
 *
 * Beside the text form, Postgres is spared about a fifth of its CPU for a row, which went into finding
 * columns and reading two times and a UUID, and a worker the escaping and joining of texts.
 */
import { OPTIONAL_TEXTS, type SluiceEvent } from '@sluice/event/event';
import { COLUMNS } from './rows.ts';

export const COPY_STATEMENT = `COPY events (${COLUMNS.join(', ')}) FROM STDIN (FORMAT binary)`;

/** What is sent at a time: some 1,700 events without properties. */
const CHUNK_BYTES = 256 * 1_024;
/** Then 8 bytes of flags and of an extension, of which there are none. */
const SIGNATURE = 'PGCOPY\n\u00ff\r\n\0';
const HEADER_BYTES = 8;
/** In place of a length, or of a row's number of columns. */
const NONE = -1;
const UUID_BYTES = 16;
const TIME_BYTES = 8;
/** Of a text, for each UTF-16 unit. */
const MOST_BYTES_A_UNIT = 3;
/** Of a row, for everything but its texts. */
const MOST_FIXED_BYTES = 256;
/** The first version of jsonb's binary form: the text of the JSON follows. */
const JSONB_VERSION = '\u0001';

/**
 * Writes the rows while they are being sent: the next part is made when it is asked for.
 *
 * @returns COPY's data in parts of about 256 KiB.
 */
export function* copyRows(events: Iterable<SluiceEvent>): Generator<Buffer> {
  let part = new RowBuffer();
  part.header();
  for (const event of events) {
    part.row(event);
    if (part.length < CHUNK_BYTES) continue;
    yield part.bytes();
    part = new RowBuffer();
  }
  part.end();
  yield part.bytes();
}

/** Bytes in the making. Grows for a row that is larger than all the room. */
class RowBuffer {
  length = 0;
  // Not from Node's pool, whose slices would keep each other alive.
  #bytes = Buffer.allocUnsafeSlow(CHUNK_BYTES + CHUNK_BYTES / 8);

  header(): void {
    this.length = this.#bytes.write(SIGNATURE, 'latin1');
    this.#bytes.fill(0, this.length, this.length + HEADER_BYTES);
    this.length += HEADER_BYTES;
  }

  row(event: SluiceEvent): void {
    this.#reserve(MOST_FIXED_BYTES);
    this.#int16(COLUMNS.length);
    this.#uuid(event.id);
    this.#text(event.site_id);
    this.#text(event.event_type);
    this.#text(event.path);
    this.#time(event.timestamp);
    this.#time(event.received_at);
    for (const column of OPTIONAL_TEXTS) this.#optional(event[column]);
    this.#optional(event.properties === undefined ? undefined : JSONB_VERSION + event.properties);
  }

  end(): void {
    this.#reserve(2);
    this.#int16(NONE);
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  #reserve(bytes: number): void {
    if (this.#bytes.length - this.length >= bytes) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.length + bytes));
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
  }

  #optional(text: string | undefined): void {
    if (text === undefined) this.#int32(NONE);
    else this.#text(text);
  }

  #text(text: string): void {
    // What the other columns need stays free behind it.
    this.#reserve(text.length * MOST_BYTES_A_UNIT + MOST_FIXED_BYTES);
    const written = this.#bytes.write(text, this.length + 4);
    this.#int32(written);
    this.length += written;
  }

  #uuid(id: string): void {
    this.#int32(UUID_BYTES);
    for (let at = 0; at < id.length; at += 2) {
      if (id[at] === '-') at += 1;
      this.#int8((digit(id.charCodeAt(at)) << 4) | digit(id.charCodeAt(at + 1)));
    }
  }

  /** Microseconds since 2000 as 64 bits: within the years that an entry may have they are exact in a number. */
  #time(epochMs: number): void {
    const micros = (Math.trunc(epochMs) - EPOCH_2000_MS) * 1_000;
    const upper = Math.floor(micros / TWO_TO_32);
    this.#int32(TIME_BYTES);
    this.#int32(upper);
    this.#int32(micros - upper * TWO_TO_32);
  }

  #int32(value: number): void {
    this.#int16(value >> 16);
    this.#int16(value);
  }

  #int16(value: number): void {
    this.#int8(value >> 8);
    this.#int8(value);
  }

  #int8(value: number): void {
    this.#bytes[this.length] = value;
    this.length += 1;
  }
}

const EPOCH_2000_MS = Date.UTC(2000, 0);
const TWO_TO_32 = 2 ** 32;

/** @param code of a hexadecimal digit in lower case. */
function digit(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57;
}
