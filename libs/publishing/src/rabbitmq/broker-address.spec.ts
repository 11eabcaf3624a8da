import { describe, expect, it } from 'vitest';
import { parseBroker } from './broker-address.js';

describe('parseBroker', () => {
  it('reads a bare address with all defaults', () => {
    expect(parseBroker('rabbit', false)).toEqual({
      address: 'rabbit:5672',
      host: 'rabbit',
      port: 5672,
      vhost: '/',
      username: undefined,
      password: undefined,
      tls: false,
    });
    expect(parseBroker('rabbit', true)).toMatchObject({ address: 'rabbit:5671', tls: true });
  });

  it('decodes user, password and vhost', () => {
    expect(parseBroker('amqp://us%40er:p%2Fw%3A@h:1234/my%2Fhost', false)).toEqual({
      address: 'h:1234',
      host: 'h',
      port: 1234,
      vhost: 'my/host',
      username: 'us@er',
      password: 'p/w:',
      tls: false,
    });
  });

  it('takes user and password with what need not be encoded before the last @', () => {
    const expected = { host: 'h', username: 'me', password: "p@s:s!$&'()*+;=~-._", vhost: 'v' };
    expect(parseBroker("amqp://me:p@s:s!$&'()*+;=~-._@h/v", false)).toMatchObject(expected);
  });

  it('takes amqps, IPv6 hosts and a vhost left empty', () => {
    expect(parseBroker('amqps://[::1]', false)).toMatchObject({ host: '::1', port: 5671, tls: true, vhost: '/' });
    expect(parseBroker('amqp://h/', false)).toMatchObject({ vhost: '/' });
    expect(parseBroker('amqp://h/%2F', false)).toMatchObject({ vhost: '/' });
  });

  it.each(['http://h', 'amqp://', 'amqp://u:secret@h:port', 'amqp://h/%zz', ''])('refuses %j', (entry) => {
    expect(() => parseBroker(entry, false)).toThrow(/no RabbitMQ address/);
  });

  it('never repeats a password', () => {
    try {
      parseBroker('amqp://user:secret%zz@h', false);
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify(error) + String(error)).not.toContain('secret');
    }
  });
});
