export {
  bytes,
  encodeMessage,
  int64,
  name,
  relationOf,
  tupleOf,
  uint64,
  uint8,
  UNCHANGED,
  type ColumnValue,
} from './message-builder.js';
