import type { OptionSpec } from '../schema/option-index.js';

/** An option's default as documentation shows it, in Markdown. */
export function defaultOf(option: OptionSpec): string {
  const { meta, kind } = option;
  if (meta.defaultText !== undefined) return meta.defaultText;
  if (option.default === undefined) return '–';
  return `\`${kind.format(option.default)}\``;
}

/** Markdown without its code marks. */
export function plain(markdown: string): string {
  return markdown.replaceAll('`', '');
}
