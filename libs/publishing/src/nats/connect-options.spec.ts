import { inspect } from 'node:util';
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

  it('takes user and password with what need not be encoded before the last @', () => {
    const expected = { host: 'h', username: 'me', password: "p@s:s!$&'()*+;=~-._" };
    expect(parseServer("nats://me:p@s:s!$&'()*+;=~-._@h:1")).toMatchObject(expected);
  });

  it.each(['nats://u:secret@h:notaport', 'http://u:secret@h', 'nats://u:secret%zz@h', ''])(
    'names no secret when %j cannot be read',
    (address) => {
      try {
        parseServer(address);
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ code: 'BROKER_CONFIG' });
        // With the cause and its own properties, as a log line shows them.
        expect(inspect(error, { depth: Infinity })).not.toContain('secret');
      }
    },
  );
});
