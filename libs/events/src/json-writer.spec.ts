import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_EXPANSION, stringLength, writeBytes, writeHex32, writeSlice, writeString } from './json-writer.js';

function jsonString(text: string): string {
  const source = Buffer.from(`<${text}>`);
  const out = Buffer.alloc(source.length * MAX_EXPANSION + 10, '#');
  const end = writeString(out, 1, source, 1, source.length - 1);
  expect(stringLength(source, 1, source.length - 1)).toBe(end - 1);
  expect(out.toString('latin1', 0, 1)).toBe('#');
  expect(out[end]).toBe(0x23);
  return out.toString('utf8', 1, end);
}

describe('JSON strings', () => {
  it('escapes every control character, with the short forms of JSON', () => {
    for (let code = 0; code < 0x20; code += 1) {
      const short: Record<number, string> = { 8: '\\b', 9: '\\t', 10: '\\n', 12: '\\f', 13: '\\r' };
      const expected = short[code] ?? `\\u00${code.toString(16).padStart(2, '0')}`;
      expect(jsonString(`a${String.fromCharCode(code)}b`)).toBe(`"a${expected}b"`);
    }
  });

  it('escapes quotes and backslashes', () => {
    expect(jsonString(`"'\\$$\\N$$`)).toBe(`"\\"'\\\\$$\\\\N$$"`);
  });

  it('leaves everything else as it is, also what HTML would mind', () => {
    const text = 'ñ ✓ 🎉 <script>&amp;</script> / \u007f \u2028 \u2029';
    expect(jsonString(text)).toBe(`"${text}"`);
  });

  it('means the text, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(JSON.parse(jsonString(text))).toBe(text);
        expect(jsonString(text)).toBe(JSON.stringify(text));
      }),
    );
  });
});

describe('copies', () => {
  it.each([0, 1, 47, 48, 191, 192, 5000])('of %i bytes', (length) => {
    const source = Buffer.from(Uint8Array.from({ length: length + 4 }, (_, index) => index % 251));
    const out = Buffer.alloc(length + 4, 0xff);
    expect(writeSlice(out, 2, source, 3, 3 + length)).toBe(2 + length);
    expect(out.subarray(2, 2 + length).equals(source.subarray(3, 3 + length))).toBe(true);
    expect([...out.subarray(0, 2), ...out.subarray(2 + length)]).toEqual([255, 255, 255, 255]);

    const whole = Buffer.from(source.subarray(0, length));
    expect(writeBytes(out, 1, whole)).toBe(1 + length);
    expect(out.subarray(1, 1 + length).equals(whole)).toBe(true);
  });

  it('writes hexadecimal digits of any 32 bits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
        const out = Buffer.alloc(8);
        writeHex32(out, 0, value);
        expect(out.toString('latin1')).toBe(value.toString(16).padStart(8, '0'));
      }),
    );
  });
});
