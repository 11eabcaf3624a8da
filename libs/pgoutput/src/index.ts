export { Decoder } from './decoder.js';
export { formatLsn, parseLsn } from './lsn.js';
export {
  TUPLE_NULL,
  TUPLE_TEXT,
  TUPLE_UNCHANGED,
  type BeginMessage,
  type CommitMessage,
  type DeleteMessage,
  type InsertMessage,
  type LogicalMessage,
  type Message,
  type OriginMessage,
  type Relation,
  type RelationColumn,
  type RelationMessage,
  type ReplicaIdentity,
  type TruncateMessage,
  type Tuple,
  type TypeMessage,
  type UpdateMessage,
} from './messages.js';
export { ProtocolError } from './protocol-error.js';
