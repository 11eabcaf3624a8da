import { type DemoEvent, formatEvent, transactionOf } from './event-format.js';
import type { Screen } from './screen.js';

/** Of a transaction so many events are printed; the others are only counted. */
const SHOWN_PER_TRANSACTION = 8;

/** Prints events as they arrive; a large transaction's first ones and then how many more there were. */
export class EventPrinter {
  private transaction = '';
  private count = 0;
  private startedMs = 0;
  private last: DemoEvent | undefined;

  constructor(private readonly screen: Screen) {}

  print(event: DemoEvent): void {
    const transaction = transactionOf(event);
    if (transaction !== this.transaction) {
      this.finishTransaction();
      this.transaction = transaction;
      this.startedMs = performance.now();
    }
    this.count += 1;
    this.last = event;
    if (this.count <= SHOWN_PER_TRANSACTION) this.screen.line(`  ${formatEvent(event, this.screen.paint)}`);
  }

  /** Says what was left out of the transaction so far; called when no more of it is to come. */
  finishTransaction(): void {
    const hidden = this.count - SHOWN_PER_TRANSACTION;
    if (hidden > 0 && this.last !== undefined) {
      const seconds = (performance.now() - this.startedMs) / 1000;
      const rate = Math.round(this.count / Math.max(seconds, 0.001));
      this.screen.line(
        `  … ${number(hidden)} more events of the same transaction: ${number(this.count)} in ` +
          `${seconds.toFixed(2)} s, ${number(rate)} a second; the last one:`,
      );
      this.screen.line(`  ${formatEvent(this.last, this.screen.paint)}`);
    }
    this.count = 0;
    this.transaction = '';
  }
}

export function number(value: number): string {
  return value.toLocaleString('en');
}
