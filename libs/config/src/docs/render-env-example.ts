import { OPTIONS, type OptionSpec } from '../schema/option-index.js';
import { defaultOf, plain } from './option-text.js';

const WIDTH = 116;

const HEAD = `Every setting of wal-listener as environment variables; generated, see docs/configuration.md for the rest.
Copy to .env and remove the # of what you set. Empty = not set. Every variable has a twin with _FILE at its end that names
a file with the value. Durations: 500ms, 30s, 1m30s. Sizes: 512KB, 32MB, or bytes. Maps and lists: JSON, lists also a,b.`;

/** The text of `.env.example`. */
export function renderEnvExample(): string {
  const lines = [
    ...HEAD.split('\n').map((line) => `# ${line}`),
    '',
    '# Path of a YAML file with settings; default: ./config.yml when it exists.',
    '#WAL_CONFIG=./config.yml',
  ];
  let section: string | undefined;
  const sectionsFirst = OPTIONS.toSorted((a, b) => Math.sign(b.segments.length - 1) - Math.sign(a.segments.length - 1));
  for (const option of sectionsFirst) {
    const [top = ''] = option.segments.length > 1 ? option.segments : ['general'];
    if (top !== section) lines.push('', `# ${'-'.repeat(4)} ${top} ${'-'.repeat(Math.max(4, 60 - top.length))}`);
    section = top;
    lines.push('', ...renderOption(option));
  }
  return `${lines.join('\n')}\n`;
}

function renderOption(option: OptionSpec): readonly string[] {
  const { meta } = option;
  const required =
    meta.required === undefined ? '' : meta.required === 'always' ? ' Required.' : ` Required ${meta.required}.`;
  const fallback = meta.required === undefined ? ` Default: ${defaultOf(option)}.` : '';
  const text = plain(`${meta.description} (${option.kind.title})${fallback}${required}`);
  return [...wrap(text), `#${option.envName}=${exampleOf(option)}`];
}

function exampleOf(option: OptionSpec): string {
  if (option.meta.secret === true) return '';
  if (option.meta.example !== undefined) return quoteWhereNeeded(option.meta.example);
  return option.default === undefined ? '' : quoteWhereNeeded(option.kind.format(option.default));
}

function quoteWhereNeeded(value: string): string {
  return /["#\s$]/.test(value) ? `'${value}'` : value;
}

function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > WIDTH) {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
