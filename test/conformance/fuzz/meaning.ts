import { createHash } from 'node:crypto';
import {
  ProtocolError,
  TUPLE_NULL,
  TUPLE_TEXT,
  TUPLE_UNCHANGED,
  type Decoder,
  type Message,
  type Relation,
  type Tuple,
} from '#lib/pgoutput';
import { Refused, type ReferenceDecoder } from './reference-decoder.js';

/** What is said of bytes that are not a message. */
export const REFUSED = 'refused';

/** Around a message that is decoded, so that a read beyond its end shows: it looks like more columns, names and rows. */
const BEFORE = Buffer.from('NN\0\0\0\x01t', 'latin1');
const AFTER = Buffer.from('t\0\0\0\x01xnnnuuuN\0\x01n\0\0\0\0', 'latin1');

/** What the product's decoder makes of a message, as text; REFUSED after a ProtocolError, any other error goes on. */
export function meaning(decoder: Decoder, message: Buffer): string {
  const chunk = Buffer.concat([BEFORE, message, AFTER]);
  const start = BEFORE.length;
  const end = start + message.length;
  try {
    return JSON.stringify(plainMessage(decoder.decode(chunk, start, end), chunk, start, end));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    if (error.position < 0 || error.position > message.length) {
      throw new Error(`the error's place ${error.position} lies outside the message`, { cause: error });
    }
    return REFUSED;
  }
}

/** The same from the reference decoder. */
export function referenceMeaning(decoder: ReferenceDecoder, message: Buffer): string {
  try {
    return JSON.stringify(decoder.decode(message));
  } catch (error) {
    if (error instanceof Refused) return REFUSED;
    throw error;
  }
}

/** SHA-256 over what each message means. */
export function digestOf(meanings: readonly string[]): string {
  return createHash('sha256').update(meanings.join('\n')).digest('hex');
}

/** In the reference decoder's form. */
function plainMessage(message: Message, chunk: Buffer, start: number, end: number): unknown {
  const plainTuple = (tuple: Tuple): unknown => readTuple(tuple, chunk, start, end);
  switch (message.type) {
    case 'begin':
      return ['B', [message.commitLsn, message.commitTimestamp, message.xid].map(String)];
    case 'commit':
      return ['C', [message.commitLsn, message.endLsn, message.commitTimestamp].map(String)];
    case 'origin':
      return ['O', [String(message.originLsn), message.name]];
    case 'relation':
      return ['R', plainRelation(message.relation)];
    case 'type':
      return ['Y', [message.oid, message.schema, message.name]];
    case 'insert':
      return ['I', [relationText(message.relation), plainTuple(message.newTuple)]];
    case 'update': {
      const { oldKind, oldTuple } = message;
      const old = oldKind === 'none' ? null : [oldKind === 'key' ? 'K' : 'O', plainTuple(oldTuple)];
      return ['U', [relationText(message.relation), old, plainTuple(message.newTuple)]];
    }
    case 'delete':
      return [
        'D',
        [relationText(message.relation), message.oldKind === 'key' ? 'K' : 'O', plainTuple(message.oldTuple)],
      ];
    case 'truncate':
      return ['T', [[message.cascade, message.restartIdentity], message.relations.map(relationText)]];
    case 'message':
      return ['M', [message.transactional, String(message.lsn), message.prefix, message.content.toString('hex')]];
  }
}

const texts = new WeakMap<Relation, string>();

function relationText(relation: Relation): string {
  const text = texts.get(relation) ?? JSON.stringify(plainRelation(relation));
  texts.set(relation, text);
  return text;
}

function plainRelation(relation: Relation): unknown {
  const { oid, schema, table, replicaIdentity, columns } = relation;
  return {
    oid,
    schema,
    table,
    identity: replicaIdentity,
    columns: columns.map(({ name, typeOid, typeModifier, isKey }) => ({ name, typeOid, typeModifier, isKey })),
  };
}

function readTuple(tuple: Tuple, chunk: Buffer, start: number, end: number): unknown {
  const { buffer, count, kinds, starts, ends } = tuple;
  if (buffer !== chunk) throw new Error('a tuple refers to another buffer than the one given');
  return Array.from({ length: count }, (_, index) => {
    if (kinds[index] === TUPLE_NULL) return null;
    if (kinds[index] === TUPLE_UNCHANGED) return 'unchanged';
    if (kinds[index] !== TUPLE_TEXT) throw new Error(`a column of kind ${kinds[index]}`);
    if (starts[index] < start || ends[index] > end || starts[index] > ends[index]) {
      throw new Error(`column ${index} lies outside the message`);
    }
    return { hex: buffer.toString('hex', starts[index], ends[index]) };
  });
}
