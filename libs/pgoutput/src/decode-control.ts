import type { ByteReader } from './byte-reader.js';
import type { BeginMessage, CommitMessage, LogicalMessage, OriginMessage } from './messages.js';

/** Begin: Int64 final LSN, Int64 commit timestamp, Int32 xid. */
export function decodeBegin(reader: ByteReader): BeginMessage {
  return {
    type: 'begin',
    commitLsn: reader.uint64('final LSN'),
    commitTimestamp: reader.int64('commit timestamp'),
    xid: reader.uint32('xid'),
  };
}

/** Commit: Int8 flags (unused), Int64 commit LSN, Int64 end LSN, Int64 commit timestamp. */
export function decodeCommit(reader: ByteReader): CommitMessage {
  reader.flags(0, 'commit flags');
  return {
    type: 'commit',
    commitLsn: reader.uint64('commit LSN'),
    endLsn: reader.uint64('end LSN'),
    commitTimestamp: reader.int64('commit timestamp'),
  };
}

/** Origin: Int64 LSN on the origin server, String name. */
export function decodeOrigin(reader: ByteReader): OriginMessage {
  return { type: 'origin', originLsn: reader.uint64('origin LSN'), name: reader.name('origin name') };
}

const FLAG_TRANSACTIONAL = 1;

/** Message: Int8 flags, Int64 LSN, String prefix, Int32 length, content. */
export function decodeLogicalMessage(reader: ByteReader): LogicalMessage {
  const flags = reader.flags(FLAG_TRANSACTIONAL, 'message flags');
  const lsn = reader.uint64('message LSN');
  const prefix = reader.name('message prefix');
  const length = reader.count32('content length');
  return {
    type: 'message',
    transactional: flags === FLAG_TRANSACTIONAL,
    lsn,
    prefix,
    content: reader.copy(length, 'content'),
  };
}
