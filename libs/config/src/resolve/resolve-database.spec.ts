import { describe, expect, it } from 'vitest';
import { faultsOf, loadEnv } from '../testing/load.js';

describe('database TLS', () => {
  it.each([
    [{}, 'disable'],
    [{ ENABLE_TLS: 'true' }, 'require'],
    [{ SSL_MODE: 'verify-ca' }, 'verify-ca'],
    [{ ENABLE_TLS: 'true', SSL_MODE: 'verify-full' }, 'verify-full'],
    [{ ENABLE_TLS: 'true', CA_CERT: 'ca.pem' }, 'verify-full'],
    [{ CA_CERT: 'ca.pem' }, 'verify-full'],
    [{ CA_CERT: 'ca.pem', SSL_MODE: 'require' }, 'require'],
    [{ CLIENT_CERT: 'c', CLIENT_KEY: 'k' }, 'require'],
    [{ SSL_SERVER_NAME: 'db.internal' }, 'verify-full'],
    [{ SSL_SERVER_NAME: 'db.internal', SSL_SKIP_VERIFY: 'true' }, 'require'],
    [{ SSL_SKIP_VERIFY: 'true' }, 'require'],
    [{ SSL_SKIP_VERIFY: 'false' }, 'verify-full'],
    [{ SSL_MODE: 'disable' }, 'disable'],
    [{ ENABLE_TLS: 'false', SSL_MODE: 'verify-full' }, 'disable'],
  ])('%j means %s', (keys, mode) => {
    const env = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`WAL_DATABASE_${key}`, value]));
    expect(loadEnv(env).config.database.ssl.mode).toBe(mode);
  });

  it.each([
    [{ WAL_DATABASE_ENABLE_TLS: 'true' }, 'database.sslMode is require'],
    [{ WAL_DATABASE_SSL_SKIP_VERIFY: 'true' }, 'database.ssl.skipVerify is true'],
    [{ WAL_DATABASE_ENABLE_TLS: 'false', WAL_DATABASE_CA_CERT: 'x' }, 'without effect: database.caCert'],
  ])('warns about %j', (env, text) => {
    expect(loadEnv(env).warnings).toEqual([expect.stringContaining(text)]);
  });

  it('does not warn about connections that are verified', () => {
    expect(loadEnv({ WAL_DATABASE_SSL_MODE: 'verify-full' }).warnings).toEqual([]);
    expect(loadEnv({ WAL_DATABASE_CA_CERT: 'ca.pem' }).warnings).toEqual([]);
  });

  it.each([
    [{ ENABLE_TLS: 'true', SSL_MODE: 'disable' }, 'database.sslMode'],
    [{ SSL_MODE: 'verify-full', SSL_SKIP_VERIFY: 'true' }, 'database.ssl.skipVerify'],
    [{ CLIENT_CERT: 'c' }, 'database.clientKey'],
    [{ CLIENT_KEY: 'k' }, 'database.clientCert'],
  ])('refuses %j', (keys, path) => {
    const env = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`WAL_DATABASE_${key}`, value]));
    expect(faultsOf(env)).toMatchObject([{ path }]);
  });
});

describe('database hosts', () => {
  it('takes several, and IPv6 with or without brackets', () => {
    expect(loadEnv({ WAL_DATABASE_HOST: 'a, b,[::1],fe80::1' }).config.database.hosts).toEqual([
      'a',
      'b',
      '::1',
      'fe80::1',
    ]);
  });
});
