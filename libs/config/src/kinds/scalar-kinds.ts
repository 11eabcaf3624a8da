import type { InputNode } from '../input/input-node.js';
import type { Kind, KindReport } from './kind.js';

/** Builds a kind from a function over the text; it gives undefined for a text that is not accepted. */
function scalarKind<T>(
  title: string,
  accepted: string,
  read: (text: string) => T | undefined,
  format: (value: T) => string = String,
): Kind<T> {
  return {
    title,
    shape: 'scalar',
    format,
    parse(node, report) {
      const value = node.kind === 'scalar' ? read(node.text) : undefined;
      if (value === undefined) report.fault(node, accepted);
      return value;
    },
  };
}

/** PostgreSQL's protocol ends a text there, and reads what follows as something else. */
export const holdsNul = (value: string): boolean => value.includes('\0');

/** Any text, as it is. */
export const text: Kind<string> = scalarKind('text', 'a text without NUL', (value) =>
  holdsNul(value) ? undefined : value,
);

/** A path in the file system. */
export const filePath: Kind<string> = { ...text, title: 'path' };

const WHOLE_NUMBER = /^[+-]?\d+$/;

/** A whole number in decimal digits; the range is the option's own constraint. */
export const wholeNumber: Kind<number> = scalarKind('whole number', 'a whole number', (value) => {
  const number = WHOLE_NUMBER.test(value.trim()) ? Number(value) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
});

const BOOLEANS = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['0', false],
]);

/** true or false; `1`, `0`, yes, no, on and off too. */
export const flag: Kind<boolean> = scalarKind('true or false', 'true or false', (value) =>
  BOOLEANS.get(value.trim().toLowerCase()),
);

/** One of several words, whatever the case. `synonyms` are accepted, not advertised. */
export function oneOf<const T extends string>(
  words: readonly T[],
  synonyms: Readonly<Record<string, T>> = {},
): Kind<T> {
  const byText = new Map<string, T>([
    ...Object.entries(synonyms),
    ...words.map((word) => [word.toLowerCase(), word] as const),
  ]);
  return scalarKind(words.map((word) => `\`${word}\``).join(', '), `one of ${words.join(', ')}`, (value) =>
    byText.get(value.trim().toLowerCase()),
  );
}

/** Where a server listens. */
export interface ListenAddress {
  /** Undefined = every address. */
  readonly host: string | undefined;
  readonly port: number;
}

const LISTEN_ADDRESS = /^(?:\[([0-9a-f:.]+)\]|([^:\s[\]]*)):(\d{1,5})$/i;

/** `:port`, `host:port` or `[ipv6]:port`, as Go's net.Listen takes it. */
export const listenAddress: Kind<ListenAddress> = scalarKind(
  'address',
  '`:port` or `host:port` with a port from 1 to 65535, for example `:2112`',
  (value) => {
    const match = LISTEN_ADDRESS.exec(value.trim());
    const port = Number(match?.[3]);
    if (match === null || port < 1 || port > 65_535) return undefined;
    const host = match[1] ?? match[2];
    return { host: host === '' ? undefined : host, port };
  },
  ({ host, port }) => `${host ?? ''}:${port}`,
);

/** The texts of a scalar or a list of scalars: the comma separates, spaces around it do not count. */
export function readTexts(
  node: InputNode,
  report: KindReport,
  accepted: string,
  within?: string,
): string[] | undefined {
  if (node.kind === 'scalar' && !holdsNul(node.text)) {
    const parts = node.text.split(',').map((part) => part.trim());
    return parts.filter((part) => part !== '');
  }
  if (node.kind !== 'list') {
    report.fault(node, accepted, within);
    return undefined;
  }
  const texts: string[] = [];
  let failed = false;
  for (const item of node.items) {
    if (item.kind === 'scalar' && item.text !== '' && !holdsNul(item.text)) texts.push(item.text);
    else {
      report.fault(item, accepted, within);
      failed = true;
    }
  }
  return failed ? undefined : texts;
}
