/**
 * Compares what came of one key with its history. A repeat may begin anew anywhere, but each step forward goes to the
 * very next change and the newest one stands last: then a consumer that drops what it knows sees the history itself.
 *
 * @param history each change once
 * @returns what is wrong, or undefined
 */
export function orderFault(history: readonly string[], arrived: readonly string[]): string | undefined {
  let last = -1;
  for (const change of arrived) {
    // Nearly always the next one; else a repeat.
    const place = history[last + 1] === change ? last + 1 : history.indexOf(change);
    if (place < 0) return `${change} was never committed (${history.join()})`;
    if (place > last + 1) return `${change} came too early: expected ${history.join()}, received ${arrived.join()}`;
    last = place;
  }
  if (last !== history.length - 1) return `expected ${history.join()}, received ${arrived.join()}`;
  return undefined;
}
