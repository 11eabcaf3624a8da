/**
 * A second decoder of pgoutput, protocol version 1, text format: slow, plain, and written from PostgreSQL's page alone, so
 * that what the product's decoder makes of any bytes can be compared with it.
 * https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */

/** The bytes are not one well-formed message. */
export class Refused extends Error {}

/** A column: NULL, unchanged, or its bytes in hexadecimal. */
type Column = null | 'unchanged' | { readonly hex: string };

interface RelationFacts {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly identity: string;
  readonly columns: readonly {
    readonly name: string;
    readonly typeOid: number;
    readonly typeModifier: number;
    readonly isKey: boolean;
  }[];
}

/** Takes bytes from the front of what is left. */
class Bytes {
  private rest: Buffer;

  constructor(message: Buffer) {
    this.rest = message;
  }

  take(count: number): Buffer {
    if (count > this.rest.length) throw new Refused();
    const taken = this.rest.subarray(0, count);
    this.rest = this.rest.subarray(count);
    return taken;
  }

  unsigned(bytes: number): bigint {
    return BigInt(`0x${this.take(bytes).toString('hex')}`);
  }

  signed(bytes: number): bigint {
    return BigInt.asIntN(bytes * 8, this.unsigned(bytes));
  }

  count(bytes: number): number {
    const value = this.signed(bytes);
    if (value < 0n) throw new Refused();
    return Number(value);
  }

  byte(): string {
    return this.take(1).toString('latin1');
  }

  oneOf(accepted: string): string {
    const byte = this.byte();
    if (!accepted.includes(byte)) throw new Refused();
    return byte;
  }

  /** A byte of flags of which only these bits may be set. */
  flags(...bits: readonly number[]): readonly boolean[] {
    const value = Number(this.unsigned(1));
    if (value > bits.reduce((sum, bit) => sum + bit, 0)) throw new Refused();
    return bits.map((bit) => (value & bit) === bit);
  }

  name(): string {
    const bytes = this.take(Math.max(0, this.rest.indexOf(0)));
    if (this.take(1)[0] !== 0) throw new Refused();
    const text = bytes.toString('utf8');
    if (!Buffer.from(text).equals(bytes)) throw new Refused();
    return text;
  }

  end(): void {
    if (this.rest.length > 0) throw new Refused();
  }
}

export class ReferenceDecoder {
  private readonly relations = new Map<number, RelationFacts>();

  /** What a message means, as plain values. @throws Refused */
  decode(message: Buffer): unknown {
    const bytes = new Bytes(message);
    const kind = bytes.byte();
    const body = this.body(kind, bytes);
    bytes.end();
    if (kind === 'R') {
      const relation = body as RelationFacts;
      this.relations.set(relation.oid, relation);
    }
    return [kind, body];
  }

  /** Takes a Relation message that is known to be sound; quick when it was given before. */
  learn(message: Buffer): void {
    const relation = learned.get(message) ?? readRelation(new Bytes(message.subarray(1)));
    learned.set(message, relation);
    this.relations.set(relation.oid, relation);
  }

  private body(kind: string, bytes: Bytes): unknown {
    switch (kind) {
      case 'B':
        return [bytes.unsigned(8), bytes.signed(8), bytes.unsigned(4)].map(String);
      case 'C':
        bytes.flags();
        return [bytes.unsigned(8), bytes.unsigned(8), bytes.signed(8)].map(String);
      case 'O':
        return [String(bytes.unsigned(8)), bytes.name()];
      case 'R':
        return readRelation(bytes);
      case 'Y':
        return [Number(bytes.unsigned(4)), schemaOf(bytes.name()), bytes.name()];
      case 'I':
        return this.insert(bytes);
      case 'U':
        return this.update(bytes);
      case 'D':
        return this.delete(bytes);
      case 'T':
        return this.truncate(bytes);
      case 'M': {
        const [transactional] = bytes.flags(1);
        const lsn = String(bytes.unsigned(8));
        return [transactional, lsn, bytes.name(), bytes.take(bytes.count(4)).toString('hex')];
      }
      default:
        throw new Refused();
    }
  }

  private insert(bytes: Bytes): unknown {
    const relation = this.relation(bytes);
    bytes.oneOf('N');
    return [textOf(relation), readTuple(bytes, relation)];
  }

  private update(bytes: Bytes): unknown {
    const relation = this.relation(bytes);
    const first = bytes.oneOf('KON');
    if (first === 'N') return [textOf(relation), null, readTuple(bytes, relation)];
    const old = [first, readTuple(bytes, relation)];
    bytes.oneOf('N');
    return [textOf(relation), old, readTuple(bytes, relation)];
  }

  private delete(bytes: Bytes): unknown {
    const relation = this.relation(bytes);
    return [textOf(relation), bytes.oneOf('KO'), readTuple(bytes, relation)];
  }

  private truncate(bytes: Bytes): unknown {
    const count = bytes.count(4);
    const flags = bytes.flags(1, 2);
    const relations: string[] = [];
    for (let index = 0; index < count; index += 1) relations.push(textOf(this.relation(bytes)));
    return [flags, relations];
  }

  private relation(bytes: Bytes): RelationFacts {
    const relation = this.relations.get(Number(bytes.unsigned(4)));
    if (relation === undefined) throw new Refused();
    return relation;
  }
}

const learned = new WeakMap<Buffer, RelationFacts>();
const texts = new WeakMap<RelationFacts, string>();

/** A relation as part of a row's meaning; kept, since it comes with every row. */
function textOf(relation: RelationFacts): string {
  const text = texts.get(relation) ?? JSON.stringify(relation);
  texts.set(relation, text);
  return text;
}

function readRelation(bytes: Bytes): RelationFacts {
  const oid = Number(bytes.unsigned(4));
  const schema = schemaOf(bytes.name());
  const table = bytes.name();
  const identity = bytes.oneOf('dnfi');
  const count = bytes.count(2);
  const columns: RelationFacts['columns'][number][] = [];
  for (let index = 0; index < count; index += 1) {
    const [isKey] = bytes.flags(1);
    const name = bytes.name();
    columns.push({ name, typeOid: Number(bytes.unsigned(4)), typeModifier: Number(bytes.signed(4)), isKey });
  }
  return { oid, schema, table, identity, columns };
}

/** pgoutput sends pg_catalog as an empty name. */
function schemaOf(name: string): string {
  return name === '' ? 'pg_catalog' : name;
}

function readTuple(bytes: Bytes, relation: RelationFacts): readonly Column[] {
  if (bytes.count(2) !== relation.columns.length) throw new Refused();
  return relation.columns.map(() => {
    const kind = bytes.oneOf('nut');
    if (kind === 'n') return null;
    return kind === 'u' ? 'unchanged' : { hex: bytes.take(bytes.count(4)).toString('hex') };
  });
}
