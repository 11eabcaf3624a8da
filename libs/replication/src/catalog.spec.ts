import { describe, expect, it } from 'vitest';
import { AppError } from '#lib/kernel';
import { publishedTables } from './catalog.js';

/** Fails the first `failures` queries with this SQLSTATE. */
function failing(sqlstate: string, failures: number) {
  let asked = 0;
  const query = () =>
    ++asked > failures
      ? Promise.resolve([])
      : Promise.reject(new AppError('PG_QUERY', 'could not open relation with OID 17892', { facts: { sqlstate } }));
  return { query, asked: () => asked };
}

describe('the published tables', () => {
  it('are read again when one of them was dropped while they were read', async () => {
    const control = failing('XX000', 5);
    expect(await publishedTables(control, ['p'])).toEqual([]);
    expect(control.asked()).toBe(6);
  });

  it.each([
    ['XX000', 20],
    ['42501', 1],
  ])('cannot be read when the server says %s for good, after %i readings', async (sqlstate, readings) => {
    const control = failing(sqlstate, Infinity);
    await expect(publishedTables(control, ['p'])).rejects.toMatchObject({ facts: { sqlstate } });
    expect(control.asked()).toBe(readings);
  });
});
