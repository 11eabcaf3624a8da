import type { ByteReader } from './byte-reader.js';
import type { Relation, RelationColumn, ReplicaIdentity, TruncateMessage, TypeMessage } from './messages.js';
import { kindName } from './protocol-error.js';

const FLAG_KEY = 1;
const FLAG_CASCADE = 1;
const FLAG_RESTART_IDENTITY = 2;

/**
 * Relation: Int32 OID, String namespace, String name, Int8 replica identity, Int16 number of columns; for each column
 * Int8 flags, String name, Int32 type OID, Int32 type modifier. The result is frozen; a later message makes a new one.
 */
export function decodeRelation(reader: ByteReader): Relation {
  const oid = reader.uint32('relation OID');
  const schema = schemaName(reader.name('schema name'));
  const table = reader.name('table name');
  const replicaIdentity = identity(reader);
  const count = reader.count16('number of columns');
  const columns: RelationColumn[] = [];
  for (let index = 0; index < count; index += 1) {
    const flags = reader.flags(FLAG_KEY, 'column flags');
    columns.push(
      Object.freeze({
        name: reader.name('column name'),
        typeOid: reader.uint32('type OID'),
        typeModifier: reader.int32('type modifier'),
        isKey: flags === FLAG_KEY,
      }),
    );
  }
  return Object.freeze({ oid, schema, table, replicaIdentity, columns: Object.freeze(columns) });
}

/** Type: Int32 OID, String namespace, String name. */
export function decodeType(reader: ByteReader): TypeMessage {
  return {
    type: 'type',
    oid: reader.uint32('type OID'),
    schema: schemaName(reader.name('schema name')),
    name: reader.name('type name'),
  };
}

/** Truncate: Int32 number of relations, Int8 options, Int32 OID of each relation. */
export function decodeTruncate(reader: ByteReader, relations: ReadonlyMap<number, Relation>): TruncateMessage {
  const count = reader.count32('number of relations');
  const flags = reader.flags(FLAG_CASCADE | FLAG_RESTART_IDENTITY, 'truncate options');
  if (count * 4 !== reader.remaining) {
    reader.fail(reader.position, `${count} relations need ${count * 4} bytes, ${reader.remaining} are left`);
  }
  const truncated: Relation[] = [];
  for (let index = 0; index < count; index += 1) {
    const oid = reader.uint32('relation OID');
    const relation = relations.get(oid);
    if (relation === undefined) reader.fail(reader.position - 4, `unknown relation OID ${oid}`);
    truncated.push(relation);
  }
  return {
    type: 'truncate',
    relations: truncated,
    cascade: (flags & FLAG_CASCADE) !== 0,
    restartIdentity: (flags & FLAG_RESTART_IDENTITY) !== 0,
  };
}

/** pgoutput sends the schema pg_catalog as an empty name. */
function schemaName(name: string): string {
  return name === '' ? 'pg_catalog' : name;
}

function identity(reader: ByteReader): ReplicaIdentity {
  const value = reader.uint8('replica identity');
  const name = kindName(value);
  switch (name) {
    case 'd':
    case 'n':
    case 'f':
    case 'i':
      return name;
    default:
      return reader.fail(reader.position - 1, `unknown replica identity '${name}'`);
  }
}
