import { describe, expect, it } from 'vitest';
import { addressText, parseAddress, tlsOptions } from './connect-options.js';

const TLS = { enabled: true, caCert: undefined, clientCert: undefined, clientKey: undefined, serverName: undefined };

describe('parseAddress', () => {
  it.each([
    ['kafka1.internal:9093', 'kafka1.internal', 9093],
    ['10.0.0.1:19092', '10.0.0.1', 19092],
    ['kafka', 'kafka', 9092],
    [' kafka:9092 ', 'kafka', 9092],
    ['[::1]:9092', '::1', 9092],
  ])('reads %s', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
  });

  it.each(['', ':9092', 'kafka:0', 'kafka:70000', 'kafka:x', 'kafka://a:1', 'user:secret@kafka:9092'])(
    'refuses %s without repeating it',
    (text) => {
      const refusal = expect.objectContaining({ code: 'BROKER_CONFIG' }) as Error;
      expect(() => parseAddress(text)).toThrow(refusal);
      expect(() => parseAddress(text)).not.toThrow(/secret/);
    },
  );

  it('is written back', () => {
    expect(addressText({ host: '::1', port: 1 })).toBe('[::1]:1');
    expect(addressText({ host: 'kafka', port: 9092 })).toBe('kafka:9092');
  });
});

describe('tlsOptions', () => {
  it('asks for no TLS where none is wanted', async () => {
    expect(await tlsOptions({ ...TLS, enabled: false }, { host: 'kafka', port: 1 })).toBeUndefined();
  });

  it('verifies the name that is asked for, or else the address', async () => {
    const name = async (serverName: string | undefined, host: string) =>
      (await tlsOptions({ ...TLS, serverName }, { host, port: 1 }))?.servername;
    expect(await name(undefined, 'kafka1')).toBe('kafka1');
    expect(await name('broker.example', '10.0.0.1')).toBe('broker.example');
    // A server name may not be an address; Node compares the certificate with the host then.
    expect(await name(undefined, '10.0.0.1')).toBeUndefined();
  });

  it('always verifies', async () => {
    expect(await tlsOptions(TLS, { host: 'kafka', port: 1 })).toMatchObject({ rejectUnauthorized: true });
  });

  it.each(['caCert', 'clientCert', 'clientKey'] as const)('names a %s that cannot be read', async (key) => {
    await expect(tlsOptions({ ...TLS, [key]: '/nowhere/file.pem' }, { host: 'kafka', port: 1 })).rejects.toMatchObject({
      code: 'BROKER_CONFIG',
      message: expect.stringContaining(`publisher.${key} cannot be read`) as string,
    });
  });
});
