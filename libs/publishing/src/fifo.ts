/** A queue whose shift costs the same however long it is, and which keeps no room for what has left it long ago. */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private from = 0;

  push(item: T): void {
    this.items.push(item);
  }

  /** The oldest item, undefined when there is none. */
  shift(): T | undefined {
    if (this.from === this.items.length) return undefined;
    const item = this.items[this.from];
    this.items[this.from] = undefined;
    this.from += 1;
    if (this.from === this.items.length) this.clear();
    else if (this.from >= 1024 && this.from * 2 > this.items.length) {
      this.items = this.items.slice(this.from);
      this.from = 0;
    }
    return item;
  }

  clear(): void {
    this.items = [];
    this.from = 0;
  }
}
