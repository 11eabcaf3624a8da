import { describe, expect, it } from 'vitest';
import { plain } from '../paint.js';
import { type DemoEvent, formatEvent, parseEvent, transactionOf } from './event-format.js';

const event = (part: Partial<DemoEvent>): DemoEvent => ({
  id: '00000000-0198-8a3c-8100-000000000000',
  schema: 'public',
  table: 'orders',
  action: 'INSERT',
  data: {},
  dataOld: {},
  commitTime: '2026-03-01T12:00:01.25Z',
  unchangedToastedValues: [],
  ...part,
});
const shown = (part: Partial<DemoEvent>) => formatEvent(event(part), plain).replaceAll(/ +/g, ' ');

describe('formatEvent', () => {
  it('shows an inserted row', () => {
    const data = { id: 1, note: null, settings: { a: [1] } };
    expect(shown({ data })).toBe('12:00:01.25 INSERT orders id=1 note=null settings={"a":[1]}');
  });

  it('shows of an update with its old row what changed, and of which row', () => {
    const update = { action: 'UPDATE', data: { id: 1, status: 'paid', total: '1' } } as const;
    expect(shown({ ...update, dataOld: { id: 1, status: 'new', total: '1' } })).toContain(
      'orders id=1 status=new → paid',
    );
    expect(shown({ ...update, dataOld: {} })).toContain('orders id=1 status=paid total=1');
  });

  it('names columns that were not sent again', () => {
    expect(shown({ action: 'UPDATE', data: { id: 1 }, unchangedToastedValues: ['text'] })).toContain(
      'id=1 text unchanged',
    );
  });

  it('shows the old row of a delete and only the table of a truncate', () => {
    expect(shown({ action: 'DELETE', dataOld: { id: 7 } })).toBe('12:00:01.25 DELETE orders id=7');
    expect(shown({ action: 'TRUNCATE' })).toBe('12:00:01.25 TRUNCATE orders');
  });

  it('cuts long values, says their size, and lets no value steer the terminal', () => {
    expect(shown({ data: { text: 'x'.repeat(20_480) } })).toMatch(/text=x{20}… \(20 KB\)$/);
    expect(shown({ data: { text: '\u001b[2J\n' } })).toContain('text=·[2J·');
  });
});

describe('parseEvent', () => {
  it('refuses what is no event', () => {
    expect(parseEvent(JSON.stringify(event({}))).table).toBe('orders');
    expect(() => parseEvent('{"level":"info"}')).toThrow('not an event');
  });
});

describe('transactionOf', () => {
  it('is the part of the id that holds the commit position', () => {
    const next = event({ id: '00000000-0198-8a3c-8100-000000000001' });
    const other = event({ id: '00000000-0198-8a3d-8100-000000000000' });
    expect(transactionOf(next)).toBe(transactionOf(event({})));
    expect(transactionOf(other)).not.toBe(transactionOf(event({})));
  });
});
