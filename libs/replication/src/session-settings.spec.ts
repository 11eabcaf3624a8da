import { describe, expect, it } from 'vitest';

import { checkSettings, replicationSettings, startupOptions, walSenderTimeoutMs } from './session-settings.js';

const settings = replicationSettings(60_000);
const GRANTED = new Map([
  ['timezone', 'UTC'],
  ['datestyle', 'ISO, MDY'],
  ['intervalstyle', 'postgres'],
  ['bytea_output', 'hex'],
  ['extra_float_digits', '1'],
  ['client_encoding', 'UTF8'],
  ['client_min_messages', 'notice'],
  ['lc_monetary', 'C'],
  ['search_path', ''],
  ['statement_timeout', '0'],
  ['standard_conforming_strings', 'on'],
  ['wal_sender_timeout', '60000'],
]);

describe('session settings', () => {
  it('gives the server at least a minute and three heartbeats', () => {
    expect(walSenderTimeoutMs(10_000)).toBe(60_000);
    expect(walSenderTimeoutMs(30_000)).toBe(90_000);
  });

  it('asks for each setting in the start-up options', () => {
    expect(startupOptions(settings)).toContain('-c TimeZone=UTC -c DateStyle=ISO');
    expect(startupOptions(settings)).toContain('-c wal_sender_timeout=60000');
  });

  it('is content when all were granted', () => {
    expect(() => checkSettings(settings, GRANTED)).not.toThrow();
  });

  it('names every one that was not', () => {
    const shown = new Map([...GRANTED, ['timezone', 'Europe/Berlin'], ['datestyle', 'German, DMY']]);
    shown.delete('wal_sender_timeout');
    expect(() => checkSettings(settings, shown)).toThrow(
      expect.objectContaining({
        code: 'PG_SESSION_SETTING',
        message: expect.stringMatching(
          /TimeZone is 'Europe\/Berlin'.*DateStyle.*wal_sender_timeout is unknown/s,
        ) as unknown,
      }),
    );
  });
});
