import type { ConfirmChannel } from 'amqplib';
import { describe, expect, it } from 'vitest';
import { RawChannel } from './raw-channel.js';

describe('RawChannel', () => {
  it('refuses another version of the client, saying which one it needs', () => {
    expect(() => new RawChannel({} as ConfirmChannel, '2.4.0')).toThrow(
      expect.objectContaining({ code: 'BROKER_CONFIG', remedy: 'npm install amqplib@2.3.1' }),
    );
  });
});
