import {
  TUPLE_NULL,
  TUPLE_TEXT,
  TUPLE_UNCHANGED,
  type Message,
  type Relation,
  type RelationColumn,
  type Tuple,
} from '#lib/pgoutput';

/** A column that an UPDATE did not resend. */
export const UNCHANGED = Symbol('unchanged');

/** A column's text (a string is UTF-8 encoded), NULL, or not resent. */
export type ColumnValue = string | Buffer | null | typeof UNCHANGED;

/** A tuple of these values over a buffer of its own. */
export function tupleOf(values: readonly ColumnValue[]): Tuple {
  const texts = values.map((value) =>
    typeof value === 'string' || Buffer.isBuffer(value) ? Buffer.from(value) : null,
  );
  const starts = new Int32Array(values.length);
  const ends = new Int32Array(values.length);
  let at = 0;
  texts.forEach((text, index) => {
    starts[index] = at;
    at += text?.length ?? 0;
    ends[index] = at;
  });
  return {
    buffer: Buffer.concat(texts.filter((text) => text !== null)),
    count: values.length,
    kinds: Uint8Array.from(values, (value) =>
      value === null ? TUPLE_NULL : value === UNCHANGED ? TUPLE_UNCHANGED : TUPLE_TEXT,
    ),
    starts,
    ends,
  };
}

/** A relation with columns given as [name, type OID] or [name, type OID, 'key']. */
export function relationOf(
  columns: readonly (readonly [name: string, typeOid: number, key?: 'key'])[],
  overrides: Partial<Omit<Relation, 'columns'>> = {},
): Relation {
  return {
    oid: 16_384,
    schema: 'public',
    table: 'things',
    replicaIdentity: 'd',
    columns: columns.map(([name, typeOid, key]): RelationColumn => ({
      name,
      typeOid,
      typeModifier: -1,
      isKey: key !== undefined,
    })),
    ...overrides,
  };
}

/** A message as PostgreSQL sends it: the reverse of Decoder.decode, written from the protocol's documentation. */
export function encodeMessage(message: Message): Buffer {
  switch (message.type) {
    case 'begin':
      return bytes('B', uint64(message.commitLsn), int64(message.commitTimestamp), uint32(message.xid));
    case 'commit':
      return bytes('C', uint8(0), uint64(message.commitLsn), uint64(message.endLsn), int64(message.commitTimestamp));
    case 'origin':
      return bytes('O', uint64(message.originLsn), name(message.name));
    case 'relation':
      return encodeRelation(message.relation);
    case 'type':
      return bytes('Y', uint32(message.oid), schema(message.schema), name(message.name));
    case 'insert':
      return bytes('I', uint32(message.relation.oid), 'N', encodeTuple(message.newTuple));
    case 'update':
      return bytes(
        'U',
        uint32(message.relation.oid),
        message.oldKind === 'none' ? '' : encodeOld(message.oldKind, message.oldTuple),
        'N',
        encodeTuple(message.newTuple),
      );
    case 'delete':
      return bytes('D', uint32(message.relation.oid), encodeOld(message.oldKind, message.oldTuple));
    case 'truncate':
      return bytes(
        'T',
        uint32(message.relations.length),
        uint8((message.cascade ? 1 : 0) | (message.restartIdentity ? 2 : 0)),
        ...message.relations.map((relation) => uint32(relation.oid)),
      );
    case 'message':
      return bytes(
        'M',
        uint8(message.transactional ? 1 : 0),
        uint64(message.lsn),
        name(message.prefix),
        uint32(message.content.length),
        message.content,
      );
  }
}

function encodeRelation(relation: Relation): Buffer {
  return bytes(
    'R',
    uint32(relation.oid),
    schema(relation.schema),
    name(relation.table),
    relation.replicaIdentity,
    uint16(relation.columns.length),
    ...relation.columns.map((column) =>
      bytes(uint8(column.isKey ? 1 : 0), name(column.name), uint32(column.typeOid), int32(column.typeModifier)),
    ),
  );
}

function encodeOld(kind: 'key' | 'full', tuple: Tuple): Buffer {
  return bytes(kind === 'key' ? 'K' : 'O', encodeTuple(tuple));
}

function encodeTuple(tuple: Tuple): Buffer {
  const parts: Buffer[] = [uint16(tuple.count)];
  for (let index = 0; index < tuple.count; index += 1) {
    parts.push(uint8(tuple.kinds[index]));
    if (tuple.kinds[index] === TUPLE_TEXT) {
      const text = tuple.buffer.subarray(tuple.starts[index], tuple.ends[index]);
      parts.push(uint32(text.length), text);
    }
  }
  return Buffer.concat(parts);
}

/** Joins bytes and ASCII text. */
export function bytes(...parts: readonly (Buffer | string)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
}

/** A zero-terminated name. */
export function name(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** pgoutput leaves the name of pg_catalog empty. */
function schema(text: string): Buffer {
  return name(text === 'pg_catalog' ? '' : text);
}

export function uint8(value: number): Buffer {
  return Buffer.of(value);
}

function uint16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(value);
  return buffer;
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
}

export function int64(value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(value);
  return buffer;
}

export function uint64(value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(value);
  return buffer;
}
