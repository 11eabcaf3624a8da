const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const SPACE = 0x20;
const LINE_FEED = 0x0a;

const isWhitespace = (byte: number) => byte === SPACE || byte === LINE_FEED || byte === 0x0d || byte === 0x09;

/**
 * The same JSON with a line per member and two spaces per level. Works on the bytes, so that numbers keep every digit
 * (parsing and printing again would round them).
 */
export function indentJson(json: Buffer): Buffer {
  const out: number[] = [];
  let depth = 0;
  let inString = false;
  const newLine = () => {
    out.push(LINE_FEED);
    for (let i = 0; i < depth * 2; i++) out.push(SPACE);
  };
  for (let i = 0; i < json.length; i++) {
    const byte = json[i] ?? 0;
    if (inString) {
      out.push(byte);
      if (byte === BACKSLASH) out.push(json[++i] ?? 0);
      else if (byte === QUOTE) inString = false;
      continue;
    }
    if (isWhitespace(byte)) continue;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      out.push(byte);
      const close = nextMeaningful(json, i + 1);
      if (json[close] === byte + 2) {
        out.push(byte + 2);
        i = close;
        continue;
      }
      depth += 1;
      newLine();
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
      newLine();
      out.push(byte);
    } else {
      out.push(byte);
      if (byte === COMMA) newLine();
      else if (byte === COLON) out.push(SPACE);
      else if (byte === QUOTE) inString = true;
    }
  }
  return Buffer.from(out);
}

function nextMeaningful(json: Buffer, from: number): number {
  let i = from;
  while (i < json.length && isWhitespace(json[i] ?? 0)) i += 1;
  return i;
}
