import { stringLength, writeSlice, writeString } from './json-writer.js';

/** How a column's text becomes JSON; numbers instead of functions, since a switch is inlined and a call by table is not. */
export type Encoding = number;
export const STRING: Encoding = 0;
export const INTEGER: Encoding = 1;
export const BOOLEAN: Encoding = 2;
export const JSON_TEXT: Encoding = 3;
export const TIMESTAMP: Encoding = 4;
export const TIMESTAMP_UTC: Encoding = 5;

/** Type OIDs of pg_type.dat; they never change. A domain has an OID of its own, so its values are strings. */
const ENCODINGS: ReadonlyMap<number, Encoding> = new Map([
  [16, BOOLEAN], // bool
  [20, INTEGER], // int8
  [21, INTEGER], // int2
  [23, INTEGER], // int4
  [1114, TIMESTAMP], // timestamp
  [1184, TIMESTAMP_UTC], // timestamptz
  [3802, JSON_TEXT], // jsonb
]);

export function encodingOf(typeOid: number): Encoding {
  return ENCODINGS.get(typeOid) ?? STRING;
}

/** Returned by writeValue for text that its type's output function never prints. */
export const INVALID = -1;

/**
 * Writes a value's text, bytes from..to of `source`, as JSON at `at`; returns the offset after it, or INVALID.
 * The text is what PostgreSQL prints under TimeZone=UTC, DateStyle=ISO.
 */
export function writeValue(
  encoding: Encoding,
  out: Buffer,
  at: number,
  source: Buffer,
  from: number,
  to: number,
): number {
  switch (encoding) {
    case INTEGER:
      return writeInteger(out, at, source, from, to);
    case BOOLEAN:
      return writeBoolean(out, at, source, from, to);
    case JSON_TEXT:
      return from === to ? INVALID : writeSlice(out, at, source, from, to);
    case TIMESTAMP:
      return writeTimestamp(out, at, source, from, to, to);
    case TIMESTAMP_UTC:
      return writeTimestamp(out, at, source, from, to, endsInUtc(source, to) ? to - 3 : from);
    default:
      return writeString(out, at, source, from, to);
  }
}

/** At least as many bytes as writeValue would write: as many for jsonb, four more for a string. */
export function maxValueLength(encoding: Encoding, source: Buffer, from: number, to: number): number {
  return encoding === JSON_TEXT ? to - from : stringLength(source, from, to) + 4;
}

/** All digits, as PostgreSQL prints them; checked, since they become JSON unquoted. */
function writeInteger(out: Buffer, at: number, source: Buffer, from: number, to: number): number {
  let index = from;
  if (source[index] === 0x2d) {
    out[at++] = 0x2d;
    index += 1;
  }
  if (index >= to || (source[index] === 0x30 && to - index > 1)) return INVALID;
  for (; index < to; index += 1) {
    const byte = source[index];
    if (byte < 0x30 || byte > 0x39) return INVALID;
    out[at++] = byte;
  }
  return at;
}

function writeBoolean(out: Buffer, at: number, source: Buffer, from: number, to: number): number {
  if (to - from !== 1) return INVALID;
  if (source[from] === 0x74) {
    out[at] = 0x74;
    out[at + 1] = 0x72;
    out[at + 2] = 0x75;
    out[at + 3] = 0x65;
    return at + 4;
  }
  if (source[from] !== 0x66) return INVALID;
  out[at] = 0x66;
  out[at + 1] = 0x61;
  out[at + 2] = 0x6c;
  out[at + 3] = 0x73;
  out[at + 4] = 0x65;
  return at + 5;
}

/** Digits (0) and separators of `2016-11-04 13:51:30`. */
const DATE_TIME = Buffer.from('0000-00-00 00:00:00');

/**
 * `2016-11-04 13:51:30.120` (timeEnd = the end without the zone) as "2016-11-04T13:51:30.12Z"; whatever RFC 3339 cannot
 * say (infinity, BC, years beyond 9999) stays PostgreSQL's own text.
 */
function writeTimestamp(out: Buffer, at: number, source: Buffer, from: number, to: number, timeEnd: number): number {
  if (!isDateTime(source, from, timeEnd)) return writeString(out, at, source, from, to);
  let end = timeEnd;
  if (end - from > DATE_TIME.length) {
    while (source[end - 1] === 0x30) end -= 1;
    if (source[end - 1] === 0x2e) end -= 1;
  }
  const startOfText = at + 1;
  out[at++] = 0x22;
  for (let index = from; index < end; index += 1) out[at++] = source[index];
  out[startOfText + 10] = 0x54; // 'T'
  out[at] = 0x5a; // 'Z'
  out[at + 1] = 0x22;
  return at + 2;
}

/** Whether from..to is a date and time with a four-digit year, perhaps with a fraction. */
function isDateTime(source: Buffer, from: number, to: number): boolean {
  const length = DATE_TIME.length;
  if (to - from < length) return false;
  for (let index = 0; index < length; index += 1) {
    const byte = source[from + index];
    const expected = DATE_TIME[index];
    if (expected === 0x30 ? byte < 0x30 || byte > 0x39 : byte !== expected) return false;
  }
  if (to - from === length) return true;
  if (source[from + length] !== 0x2e || to - from === length + 1) return false;
  for (let index = from + length + 1; index < to; index += 1) {
    if (source[index] < 0x30 || source[index] > 0x39) return false;
  }
  return true;
}

/** Whether the text before `to` ends in `+00`. */
function endsInUtc(source: Buffer, to: number): boolean {
  return source[to - 3] === 0x2b && source[to - 2] === 0x30 && source[to - 1] === 0x30;
}
