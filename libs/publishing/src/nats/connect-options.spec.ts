import { describe, expect, it } from 'vitest';
import { parseServer } from './connect-options.js';

describe('parseServer', () => {
  it.each([
    ['localhost', 'localhost:4222', 'localhost', false],
    ['nats://h:1', 'h:1', 'h', false],
    ['tls://h:1', 'h:1', 'h', true],
    [' 10.0.0.1:4223 ', '10.0.0.1:4223', '10.0.0.1', false],
    ['nats://[::1]:4222', '[::1]:4222', '::1', false],
  ])('%s', (address, expected, host, tls) => {
    expect(parseServer(address)).toMatchObject({ address: expected, host, tls, username: undefined });
  });

  it('reads credentials and keeps them out of the address', () => {
    expect(parseServer('nats://b%40b:p%3Aw@h:1')).toMatchObject({ address: 'h:1', username: 'b@b', password: 'p:w' });
  });

  it('names no secret when it cannot be read', () => {
    for (const address of ['nats://u:secret@h:notaport', 'http://u:secret@h', '']) {
      expect(() => parseServer(address)).toThrow(expect.objectContaining({ code: 'BROKER_CONFIG' }) as Error);
      expect(() => parseServer(address)).not.toThrow(/secret/);
    }
  });
});
