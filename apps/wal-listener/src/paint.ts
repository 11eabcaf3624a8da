import { styleText } from 'node:util';

export type Style = 'green' | 'yellow' | 'red' | 'magenta' | 'dim' | 'bold';

/** Colours a text, or leaves it alone. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;
export const coloured: Paint = (style, text) => styleText(style, text, { validateStream: false });

/** Colours for a terminal whose user did not ask for none (https://no-color.org), plain text everywhere else. */
export function paintFor(output: { readonly isTTY?: boolean }, noColor = process.env['NO_COLOR']): Paint {
  return output.isTTY === true && (noColor ?? '') === '' ? coloured : plain;
}
