import type { Writable } from 'node:stream';
import { type Paint, paintFor } from '../paint.js';

/** Where the demonstration writes: a terminal, or anything else. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

const CLEAR_LINE = '\r\u001b[K';

/** Lines above, and on a terminal one live line below them that is written over. */
export class Screen {
  readonly paint: Paint;
  private status = '';

  constructor(private readonly output: Output) {
    this.paint = paintFor(output);
  }

  get live(): boolean {
    return this.output.isTTY === true;
  }

  line(text = ''): void {
    this.output.write(this.live ? `${CLEAR_LINE}${text}\n${this.status}` : `${text}\n`);
  }

  /** Shows the live line; nothing happens where there is no terminal. */
  setStatus(text: string): void {
    if (!this.live) return;
    const width = (this.output.columns ?? 80) - 1;
    this.status = this.paint('dim', text.slice(0, width));
    this.output.write(`${CLEAR_LINE}${this.status}`);
  }

  /** Takes the live line away, for good. */
  end(): void {
    if (this.status !== '') this.output.write(CLEAR_LINE);
    this.status = '';
  }
}
