import { describe, expect, it } from 'vitest';
import { parseLossless } from './lossless-json.js';

describe('the lossless JSON reader', () => {
  it.each(['12345678901234567890', '-0', '1e400', '1.10', '-9223372036854775808', '1E-5'])(
    'keeps the digits of %s',
    (number) => {
      expect(parseLossless(number)).toEqual({ kind: 'number', raw: number });
    },
  );

  it('keeps the spelling of whatever is nested', () => {
    const inner = '{"b":  [1.0,\t{"c":"\\u00e9"} ] }';
    const node = parseLossless(` {"a" : ${inner} , "":null} `);
    expect(node.kind === 'object' && [...node.members.keys()]).toEqual(['a', '']);
    expect(node.kind === 'object' && node.members.get('a')?.raw).toBe(inner);
  });

  it.each([
    ['"\\u00e9\\ud83c\\udf89 \\" \\\\ \\/ \\b\\f\\n\\r\\t"', 'é🎉 " \\ / \b\f\n\r\t'],
    ['"\\ud800"', '\ud800'],
    ['"\u007f\u2028é"', '\u007f\u2028é'],
  ])('decodes %s', (raw, value) => {
    expect(parseLossless(raw)).toEqual({ kind: 'string', raw, value });
  });

  it('agrees with JSON.parse where that loses nothing', () => {
    const text = '{"a":[true,false,null,"x",{"y":[]},{}],"b":1}';
    const node = parseLossless(text);
    expect(node.raw).toBe(text);
    expect(node.kind === 'object' && node.members.get('a')).toMatchObject({
      items: [
        { value: true },
        { value: false },
        { kind: 'null' },
        { value: 'x' },
        { kind: 'object' },
        { kind: 'object', raw: '{}' },
      ],
    });
  });

  it.each([
    ['', 'a value'],
    ['{} {}', 'the end'],
    ['1,', 'the end'],
    ['{"a":1,"a":2}', 'a name that is not there yet'],
    ['{"a":1,"\\u0061":2}', 'a name that is not there yet'],
    ['{"a":1,}', '"'],
    ['{a:1}', '"'],
    ['{"a"}', ':'],
    ['[1,]', 'a value'],
    ['[1 2]', ']'],
    ['01', 'the end'],
    ['1.', 'the end'],
    ['+1', 'a value'],
    ['.5', 'a value'],
    ['NaN', 'a value'],
    ['nul', 'null'],
    ['"a\tb"', 'closing quote'],
    ['"a\u0000b"', 'closing quote'],
    ['"\\x"', 'closing quote'],
    ['"\\u12"', 'closing quote'],
    ['"a', 'closing quote'],
    ["'a'", 'a value'],
    ['\ufeff1', 'a value'],
  ])('refuses %j', (text, wanted) => {
    expect(() => parseLossless(text)).toThrow(wanted);
  });
});
