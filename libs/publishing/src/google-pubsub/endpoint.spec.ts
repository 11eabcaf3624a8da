import { describe, expect, it } from 'vitest';
import { publisherTestConfig } from '../testing/publisher-config.js';
import { parseEndpoint } from './endpoint.js';

const NO_TLS = {
  enabled: false,
  caCert: undefined,
  clientCert: undefined,
  clientKey: undefined,
  serverName: undefined,
};

function endpoint(address: string | undefined, enabled = false, env: NodeJS.ProcessEnv = {}) {
  const addresses = address === undefined ? [] : [address];
  const { publisher } = publisherTestConfig({ type: 'google_pubsub', addresses, tls: { ...NO_TLS, enabled } });
  return parseEndpoint(publisher, env);
}

describe('the endpoint of Pub/Sub', () => {
  it('is Google, with TLS, unless another address is given', () => {
    const google = { host: 'pubsub.googleapis.com', port: 443, isGoogle: true, tls: true };
    expect(endpoint(undefined)).toMatchObject(google);
    expect(endpoint('pubsub.googleapis.com:443')).toMatchObject(google);
    expect(endpoint('europe-west1-pubsub.googleapis.com')).toMatchObject({ isGoogle: true, tls: true, port: 443 });
  });

  it('is an emulator in plain text at any other address, with TLS when that is enabled', () => {
    expect(endpoint('localhost:8085')).toMatchObject({ host: 'localhost', port: 8085, isGoogle: false, tls: false });
    expect(endpoint('http://localhost:8085/')).toMatchObject({ address: 'localhost:8085', tls: false });
    expect(endpoint('[::1]:8085')).toMatchObject({ host: '[::1]', port: 8085 });
    expect(endpoint('proxy.example:8443', true)).toMatchObject({ isGoogle: false, tls: true });
    expect(endpoint('pubsub.googleapis.com.evil.example')).toMatchObject({ isGoogle: false });
    expect(endpoint('evilgoogleapis.com')).toMatchObject({ isGoogle: false });
  });

  it('is that of PUBSUB_EMULATOR_HOST in the place of Google only', () => {
    const env = { PUBSUB_EMULATOR_HOST: 'localhost:9999' };
    expect(endpoint('pubsub.googleapis.com:443', false, env)).toMatchObject({ address: 'localhost:9999', tls: false });
    expect(endpoint('localhost:8085', false, env)).toMatchObject({ address: 'localhost:8085' });
  });

  it.each(['', 'a b', 'host:0', 'host:99999', 'user@host:1', 'ftp://host'])('cannot be %j', (address) => {
    expect(() => endpoint(address)).toThrow(/publisher\.address/);
  });
});
