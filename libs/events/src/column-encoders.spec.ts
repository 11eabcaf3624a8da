import { describe, expect, it } from 'vitest';
import { encodingOf, INVALID, maxValueLength, STRING, writeValue } from './column-encoders.js';

const OIDS = {
  bool: 16,
  bytea: 17,
  char: 18,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  json: 114,
  float8: 701,
  money: 790,
  bpchar: 1042,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
  int4Array: 1007,
  int4range: 3904,
  domain: 16_500,
} as const;
type TypeName = keyof typeof OIDS;

/** What lies before and after a value in a message must not matter, whatever it could mean. */
const SURROUNDINGS = [
  ['0', '0.5+00'],
  ['-', '-'],
  ['1', '.5+00'],
  ['+00', ':00:00.5'],
  ['"', '}'],
] as const;

/** The JSON of a value's text; undefined when it is refused. */
function json(type: TypeName, text: string): string | undefined {
  const results = SURROUNDINGS.map(([before, after]) => jsonBetween(before, type, text, after));
  expect(new Set(results).size).toBe(1);
  return results[0];
}

function jsonBetween(before: string, type: TypeName, text: string, after: string): string | undefined {
  const source = Buffer.from(before + text + after);
  const from = before.length;
  const to = source.length - after.length;
  const out = Buffer.alloc(to * 6 + 10, '#');
  const encoding = encodingOf(OIDS[type]);
  const end = writeValue(encoding, out, 1, source, from, to);
  if (end === INVALID) return undefined;
  const spare = maxValueLength(encoding, source, from, to) - (end - 1);
  expect(spare).toBeGreaterThanOrEqual(0);
  if (type === 'jsonb') expect(spare).toBe(0);
  if (encoding === STRING) expect(spare).toBe(4);
  // What the encoder reserves for small rows.
  expect(end - 1).toBeLessThanOrEqual((to - from) * 6 + 4);
  expect(out[0]).toBe(0x23);
  expect(out[end]).toBe(0x23);
  return out.toString('utf8', 1, end);
}

describe('values become JSON', () => {
  it.each<[TypeName, string, string]>([
    ['bool', 't', 'true'],
    ['bool', 'f', 'false'],
    ['int2', '-32768', '-32768'],
    ['int2', '32767', '32767'],
    ['int4', '-2147483648', '-2147483648'],
    ['int4', '0', '0'],
    ['int8', '-9223372036854775808', '-9223372036854775808'],
    ['int8', '9223372036854775807', '9223372036854775807'],
  ])('%s %s as %s', (type, text, expected) => {
    expect(json(type, text)).toBe(expected);
  });

  it.each([
    ['2016-11-04 13:51:30.123456', '2016-11-04T13:51:30.123456Z'],
    ['2016-11-04 13:51:30.12', '2016-11-04T13:51:30.12Z'],
    ['2016-11-04 13:51:30.120', '2016-11-04T13:51:30.12Z'],
    ['2016-11-04 13:51:30.000', '2016-11-04T13:51:30Z'],
    ['2016-11-04 13:51:30', '2016-11-04T13:51:30Z'],
    ['2016-11-04 13:51:00', '2016-11-04T13:51:00Z'],
    ['1936-10-25 22:10:12.608', '1936-10-25T22:10:12.608Z'],
    ['0001-01-01 00:00:00', '0001-01-01T00:00:00Z'],
    ['9999-12-31 23:59:59.999999', '9999-12-31T23:59:59.999999Z'],
  ])('timestamp %s as %s', (text, expected) => {
    expect(json('timestamp', text)).toBe(`"${expected}"`);
    expect(json('timestamptz', `${text}+00`)).toBe(`"${expected}"`);
  });

  it.each(['12345-01-01 00:00:00', '294276-12-31 23:59:59.999999'])('year beyond 9999: %s as it is', (text) => {
    expect(json('timestamp', text)).toBe(`"${text}"`);
    expect(json('timestamptz', `${text}+00`)).toBe(`"${text}+00"`);
  });

  it.each([
    'infinity',
    '-infinity',
    '4713-01-01 00:00:00 BC',
    '0044-03-15 12:00:00.5 BC',
    '2016-11-04 13:51',
    '2016-11-04 13:51:3',
    '2016-11-04 13:51:30.',
    '2016-11-04 13:51:30,5',
    '2016-11-04 13:51:30.5/',
    '2016-11-04 13:51:30.5:',
    '2016-11-04T13:51:30',
    '/016-11-04 13:51:30',
    ':016-11-04 13:51:30',
  ])('%s as it is', (text) => {
    expect(json('timestamp', text)).toBe(`"${text}"`);
  });

  it.each([
    'infinity',
    '-infinity',
    '4713-01-01 00:00:00+00 BC',
    '2016-11-04 13:51:30+02',
    '2016-11-04 13:51:30-00',
    '2016-11-04 13:51:30+10',
    '2016-11-04 13:51:30+01',
    '2016-11-04 13:51:30',
    '2016-11-04 13:51:30.+00',
    '+00',
    '',
  ])('timestamptz %j as it is', (text) => {
    expect(json('timestamptz', text)).toBe(JSON.stringify(text));
  });

  it.each([
    '12345678901234567890',
    '1E+400',
    '{"a": 0.10000000000000000000000000001, "b": [1, null, "\\u0001 \\" ñ 🎉"]}',
    'null',
    '"<b>"',
    `{"long": "${'x'.repeat(1000)}"}`,
  ])('jsonb %s byte for byte', (text) => {
    expect(json('jsonb', text)).toBe(text);
  });

  it.each<[TypeName, string]>([
    ['text', ''],
    ['text', 't'],
    ['bytea', '\\x00ff'],
    ['char', '\u0001'],
    ['oid', '4294967295'],
    ['json', '{"a": 1, "a": 2, "\\ud800": 1}'],
    ['float8', '123.456789012345'],
    ['float8', 'NaN'],
    ['float8', '-Infinity'],
    ['float8', '-0'],
    ['money', '-$92,233,720,368,547,758.08'],
    ['bpchar', 'padded    '],
    ['date', '2016-11-04'],
    ['date', '4713-01-01 BC'],
    ['date', 'infinity'],
    ['date', '5874897-12-31'],
    ['time', '24:00:00'],
    ['interval', '1 year 2 mons 3 days 04:05:06.78'],
    ['numeric', '123456.7890'],
    ['numeric', 'NaN'],
    ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ['int4Array', '{{1,2},{NULL,4}}'],
    ['int4range', '[1,10)'],
    ['domain', '42'],
  ])('%s %j as a string', (type, text) => {
    expect(json(type, text)).toBe(JSON.stringify(text));
  });

  it.each<[TypeName, string]>([
    ['bool', ''],
    ['bool', 'x'],
    ['bool', 'true'],
    ['int4', ''],
    ['int4', '-'],
    ['int4', '1.5'],
    ['int4', '1e5'],
    ['int4', '1/'],
    ['int4', '1:'],
    ['int4', '01'],
    ['int4', '-01'],
    ['int4', '1,"x":2'],
    ['int8', '٣'],
    ['jsonb', ''],
  ])('%s %j never', (type, text) => {
    expect(json(type, text)).toBeUndefined();
  });
});
