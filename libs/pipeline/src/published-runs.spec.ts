import type { OutgoingEvent, Route } from '#lib/events';
import { noMetrics } from '#lib/kernel';
import { beforeEach, describe, expect, it } from 'vitest';
import { PublishedRuns } from './published-runs.js';

const USERS: Route = { schema: 'public', table: 'users', topic: 'shop.users' };
const ORDERS: Route = { schema: 'public', table: 'orders', topic: 'shop.orders' };

let runs: PublishedRuns;
let published: [topic: string, table: string, count: number][];
let seq: number;

beforeEach(() => {
  published = [];
  runs = new PublishedRuns({ ...noMetrics, published: (...counted) => void published.push(counted) });
  seq = 0;
});

function add(route: Route, count: number): void {
  for (let index = 0; index < count; index++) runs.add({ route, seq: ++seq } as OutgoingEvent);
}

/** What was counted since the last call. */
function counted(): typeof published {
  return published.splice(0);
}

describe('published events', () => {
  it('count for their table once each, when all before them are durable too', () => {
    add(USERS, 3);
    runs.durableBefore(1);
    expect(counted()).toEqual([]);
    runs.durableBefore(3);
    expect(counted()).toEqual([['shop.users', 'users', 2]]);
    runs.durableBefore(3);
    expect(counted()).toEqual([]);
    add(USERS, 2);
    runs.durableBefore(6);
    expect(counted()).toEqual([['shop.users', 'users', 3]]);
    runs.durableBefore(6);
    expect(counted()).toEqual([]);
  });

  it('count for the table that they are of, in order', () => {
    add(USERS, 2);
    add(ORDERS, 4);
    add(USERS, 1);
    runs.durableBefore(5);
    expect(counted()).toEqual([
      ['shop.users', 'users', 2],
      ['shop.orders', 'orders', 2],
    ]);
    runs.durableBefore(6);
    expect(counted()).toEqual([['shop.orders', 'orders', 1]]);
    runs.durableBefore(8);
    expect(counted()).toEqual([
      ['shop.orders', 'orders', 1],
      ['shop.users', 'users', 1],
    ]);
    add(ORDERS, 1);
    runs.durableBefore(9);
    expect(counted()).toEqual([['shop.orders', 'orders', 1]]);
  });

  it('are forgotten once counted', () => {
    const kept = () => (runs as unknown as { runs: unknown[] }).runs.length;
    add(USERS, 2);
    add(ORDERS, 2);
    add(USERS, 2);
    expect(kept()).toBe(3);
    runs.durableBefore(4);
    expect(kept()).toBe(2);
    runs.durableBefore(7);
    expect(kept()).toBe(0);
  });
});
