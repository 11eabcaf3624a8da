/** The largest buffer that was asked for while watching. */
export interface Allocations extends Disposable {
  readonly largest: number;
}

const WATCHED = ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const;

/** Watches the sizes of buffers until disposed of: what was freed at once would not show in the memory in use. */
export function watchAllocations(): Allocations {
  const originals = WATCHED.map((name) => [name, Buffer[name]] as const);
  let largest = 0;
  for (const [name, original] of originals) {
    Buffer[name] = (size: number) => {
      largest = Math.max(largest, size);
      return original(size);
    };
  }
  return {
    get largest() {
      return largest;
    },
    [Symbol.dispose]() {
      for (const [name, original] of originals) Buffer[name] = original;
    },
  };
}
