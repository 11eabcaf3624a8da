import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { indentJson } from './indent-json.js';

const indent = (text: string) => indentJson(Buffer.from(text)).toString();

describe('indentJson', () => {
  it('indents as JSON.stringify does', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const value: unknown = JSON.parse(text);
        expect(indent(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
      }),
    );
  });

  it('keeps every digit and every escape', () => {
    expect(indent('{"n":12345678901234567890.10,"s":"a\\"{,:\\\\"}')).toBe(
      '{\n  "n": 12345678901234567890.10,\n  "s": "a\\"{,:\\\\"\n}',
    );
  });

  it('drops white space outside of strings', () => {
    expect(indent('{ "a" : [ ] , "b":{ "c" : "d e" } }')).toBe('{\n  "a": [],\n  "b": {\n    "c": "d e"\n  }\n}');
  });
});
