import { compileRowPlan, EventEncoder } from '#lib/events';
import { Decoder } from '#lib/pgoutput';
import { encodeMessage, relationOf, tupleOf } from '#lib/pgoutput/testing';

export interface DecodeEncodeResult {
  readonly rowsPerSecond: number;
  /** Mean size of an event's body. */
  readonly bytesPerEvent: number;
  readonly rows: number;
}

const ROWS_IN_BUFFER = 200;
const ROWS_PER_TRANSACTION = 1000;

/** Ten columns of the commonest types, about 300 bytes of text. */
const RELATION = relationOf([
  ['id', 20, 'key'],
  ['account', 23],
  ['name', 25],
  ['note', 25],
  ['created_at', 1184],
  ['amount', 1700],
  ['active', 16],
  ['reference', 2950],
  ['attributes', 3802],
  ['due', 1082],
]);

/**
 * How many rows one thread decodes and encodes when nothing else is to be done: Insert messages that lie in memory in
 * batches the size of a socket's chunk, each decoded, encoded as an event with its ordering key, and dropped.
 */
export function benchDecodeEncode(durationMs = 2000): DecodeEncodeResult {
  const decoder = new Decoder();
  decodeWhole(decoder, encodeMessage({ type: 'relation', relation: RELATION }));
  const begin = decodeWhole(
    decoder,
    encodeMessage({ type: 'begin', commitLsn: 0x16b374d848n, commitTimestamp: 812_345_678_123_456n, xid: 4242 }),
  );
  if (begin.type !== 'begin') throw new Error('not a begin');
  const plan = compileRowPlan(RELATION, {
    route: { schema: 'public', table: 'things', topic: 'wal.public_things' },
    tags: undefined,
    excludedColumn: () => false,
    keyColumns: ['id'],
    needsKeys: true,
  });
  const encoder = new EventEncoder({
    systemIdentifier: '7300000000000000001',
    databaseOid: 16_384,
    publications: ['wal-listener'],
  });
  const messages = Array.from({ length: ROWS_IN_BUFFER }, (_, row) => insertMessage(row));
  const chunk = Buffer.concat(messages);

  let rows = 0;
  let bytes = 0;
  const runUntil = (deadline: number) => {
    while (performance.now() < deadline) {
      if (rows % ROWS_PER_TRANSACTION === 0) encoder.beginTransaction(begin);
      let at = 0;
      for (const message of messages) {
        const end = at + message.length;
        const decoded = decoder.decode(chunk, at, end);
        if (decoded.type !== 'insert') throw new Error('not an insert');
        const event = encoder.insert(plan, decoded, rows + 1, rows % ROWS_PER_TRANSACTION);
        bytes += event.end - event.start;
        rows += 1;
        at = end;
      }
    }
  };
  runUntil(performance.now() + durationMs / 4); // lets the compiler see the code
  rows = 0;
  bytes = 0;
  const started = performance.now();
  runUntil(started + durationMs);
  const seconds = (performance.now() - started) / 1000;
  return { rowsPerSecond: Math.round(rows / seconds), bytesPerEvent: Math.round(bytes / rows), rows };
}

function insertMessage(row: number): Buffer {
  return encodeMessage({
    type: 'insert',
    relation: RELATION,
    newTuple: tupleOf([
      String(1_000_000_000 + row),
      String(row * 7),
      `customer number ${row}`,
      `a note of some sixty characters, with "quotes" and more: ${row}`,
      '2026-03-04 05:06:07.890123+00',
      '12345.67',
      row % 2 === 0 ? 't' : 'f',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      `{"tags": ["red", "green"], "level": ${row}, "origin": {"city": "Berlin", "zip": "10115"}}`,
      '2026-04-01',
    ]),
  });
}

function decodeWhole(decoder: Decoder, message: Buffer) {
  return decoder.decode(message, 0, message.length);
}
