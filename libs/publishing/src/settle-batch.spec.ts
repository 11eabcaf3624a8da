import { expect, it } from 'vitest';
import { SettleBatch } from './settle-batch.js';

it('reports runs of settled events once per turn', async () => {
  const reported: [number, number][] = [];
  const batch = new SettleBatch({
    settled: (from, to) => void reported.push([from, to]),
    brokerState: () => undefined,
    failed: () => undefined,
  });
  for (const seq of [1, 2, 3, 7, 8, 5]) batch.add(seq);
  expect(reported).toEqual([
    [1, 3],
    [7, 8],
  ]);
  await Promise.resolve();
  batch.add(9);
  batch.report();
  await Promise.resolve();
  expect(reported).toEqual([
    [1, 3],
    [7, 8],
    [5, 5],
    [9, 9],
  ]);
});
