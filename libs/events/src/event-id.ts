import { hash } from 'node:crypto';
import type { BeginMessage } from '#lib/pgoutput';
import { writeBytes, writeHex32 } from './json-writer.js';

/** What tells one history of changes from another; part of every event id. */
export interface EventSource {
  readonly systemIdentifier: string;
  readonly databaseOid: number;
  /** In any order. */
  readonly publications: readonly string[];
}

/**
 * Writes event ids: UUID version 8 (RFC 9562, section 5.8). The 122 bits around version and variant are, in order, 64 of
 * commit LSN, 32 of ordinal, 26 of a hash of source and transaction. docs/event-ids.md has test vectors.
 */
export class EventIds {
  /** The part of the hashed text that stays the same. */
  private readonly sourceText: string;
  /** `xxxxxxxx-xxxx-8xxx-`: the first 60 bits of the LSN. */
  private readonly prefix = Buffer.alloc(19);
  /** Variant and the LSN's last four bits, above the ordinal's first 26. */
  private high = 0;
  private hashBits = 0;

  constructor(source: EventSource) {
    const publications = source.publications.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    this.sourceText = `${source.systemIdentifier}/${source.databaseOid}/${publications.join(',')}`;
  }

  /** The ids written from now on belong to this transaction. */
  beginTransaction(begin: BeginMessage): void {
    const lsn = begin.commitLsn.toString(16).padStart(16, '0');
    this.prefix.write(`${lsn.slice(0, 8)}-${lsn.slice(8, 12)}-8${lsn.slice(12, 15)}-`);
    this.high = 0x80000000 | (Number(begin.commitLsn & 15n) << 26);
    // 'binary' (one character per byte) is the fastest form of a digest, four times as fast as a Buffer.
    const digest = hash('sha256', `${this.sourceText}/${begin.xid}/${begin.commitTimestamp}`, 'binary');
    this.hashBits =
      (digest.charCodeAt(0) << 18) |
      (digest.charCodeAt(1) << 10) |
      (digest.charCodeAt(2) << 2) |
      (digest.charCodeAt(3) >>> 6);
  }

  /**
   * Writes the id of the transaction's event `ordinal`, 36 bytes, at `at`.
   * @throws RangeError when the ordinal does not fit 32 bits
   */
  write(out: Buffer, at: number, ordinal: number): void {
    if (ordinal > 0xffffffff) throw new RangeError(`ordinal ${ordinal} does not fit an event id`);
    const rest = writeBytes(out, at, this.prefix);
    // The eight digits after the prefix are written first and their second half moved past the dash.
    const high = (this.high | (ordinal >>> 6)) >>> 0;
    const low = (((ordinal & 63) << 26) | this.hashBits) >>> 0;
    writeHex32(out, rest + 1, high);
    out[rest] = out[rest + 1];
    out[rest + 1] = out[rest + 2];
    out[rest + 2] = out[rest + 3];
    out[rest + 3] = out[rest + 4];
    out[rest + 4] = 0x2d;
    writeHex32(out, rest + 9, low);
  }
}
