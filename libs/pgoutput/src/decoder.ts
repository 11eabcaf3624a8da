import { ByteReader } from './byte-reader.js';
import { decodeBegin, decodeCommit, decodeLogicalMessage, decodeOrigin } from './decode-control.js';
import { RowDecoder } from './decode-row.js';
import { decodeRelation, decodeTruncate, decodeType } from './decode-schema.js';
import type { Message, Relation } from './messages.js';
import { kindName, ProtocolError } from './protocol-error.js';

/** Kinds that only newer protocol versions or options send, which this service never asks for. */
const NOT_ASKED_FOR: Readonly<Record<string, string | undefined>> = {
  S: 'Stream Start: streaming of open transactions (protocol 2)',
  E: 'Stream Stop: streaming of open transactions (protocol 2)',
  c: 'Stream Commit: streaming of open transactions (protocol 2)',
  A: 'Stream Abort: streaming of open transactions (protocol 2)',
  b: 'Begin Prepare: two-phase commit (protocol 3)',
  P: 'Prepare: two-phase commit (protocol 3)',
  K: 'Commit Prepared: two-phase commit (protocol 3)',
  r: 'Rollback Prepared: two-phase commit (protocol 3)',
  p: 'Stream Prepare: two-phase commit (protocol 3)',
};

/**
 * Decodes the messages of one session of plugin pgoutput, protocol version 1, text format. Its only state is the
 * relations announced so far, so a new session needs a new decoder.
 * Format: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */
export class Decoder {
  private readonly relations = new Map<number, Relation>();
  private readonly rows = new RowDecoder(this.relations);

  /**
   * Decodes the message in bytes start..end of `buffer`. Insert, Update and Delete messages and their tuples belong to
   * the decoder, refer to `buffer`, and are overwritten by the next call; all other messages may be kept.
   * @throws ProtocolError for anything that is not exactly one well-formed message; the decoder stays usable, but a
   * caller that goes on has lost a message.
   */
  decode(buffer: Buffer, start: number, end: number): Message {
    if (start >= end) throw new ProtocolError('empty message', 0, '');
    switch (buffer[start]) {
      case 0x49:
        return this.rows.insert(buffer, start, end);
      case 0x55:
        return this.rows.update(buffer, start, end);
      case 0x44:
        return this.rows.delete(buffer, start, end);
      default:
        return this.decodeOther(buffer, start, end);
    }
  }

  private decodeOther(buffer: Buffer, start: number, end: number): Message {
    const reader = new ByteReader(buffer, start, end);
    const message = this.readOther(kindName(buffer[start]), reader, start);
    reader.finish();
    // Only now: a message with bytes left over must not change what later rows mean.
    if (message.type === 'relation') {
      this.relations.set(message.relation.oid, message.relation);
      this.rows.relationChanged(message.relation);
    }
    return message;
  }

  private readOther(kind: string, reader: ByteReader, start: number): Message {
    switch (kind) {
      case 'B':
        return decodeBegin(reader);
      case 'C':
        return decodeCommit(reader);
      case 'R':
        return { type: 'relation', relation: decodeRelation(reader) };
      case 'Y':
        return decodeType(reader);
      case 'O':
        return decodeOrigin(reader);
      case 'T':
        return decodeTruncate(reader, this.relations);
      case 'M':
        return decodeLogicalMessage(reader);
      default: {
        const feature = NOT_ASKED_FOR[kind];
        return reader.fail(start, feature === undefined ? 'unknown kind' : `${feature} was not asked for`);
      }
    }
  }
}
