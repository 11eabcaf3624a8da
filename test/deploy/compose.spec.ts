import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '#lib/config';
import { startRabbitmq } from '../support/rabbitmq-server.js';
import { repositoryRoot } from '../support/service.js';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: unknown;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly configs?: Readonly<Record<string, { readonly content: string }>>;
}

const folder = join(repositoryRoot(), 'deploy/compose');
const read = (file: string) => parse(readFileSync(join(folder, file), 'utf8')) as Compose;
const files = readdirSync(folder);

describe('deploy/compose', () => {
  it('has a file for every broker', () => {
    expect(files.toSorted()).toEqual(['kafka.yml', 'nats.yml', 'pubsub.yml', 'rabbitmq.yml']);
  });

  describe.each(files)('%s', (file) => {
    const { services } = read(file);
    const service = services['wal-listener'] ?? {};

    it('configures the service without a fault or a warning', () => {
      const { config, warnings } = loadConfig({ env: service.environment ?? {}, cwd: '/nowhere' });
      expect(warnings).toEqual([]);
      expect(config.database).toMatchObject({ hosts: ['postgres'], name: 'shop' });
      expect(config.publisher.topic).toBe('shop');
      expect(config.listener.serverPort).toBe(8080);
    });

    it('starts the service from this repository after a database that can decode, and after its broker', () => {
      expect(service.build).toBe('../..');
      expect(services['postgres']?.command).toContain('wal_level=logical');
      const broker = file.replace('.yml', '');
      expect(Object.keys(service.depends_on ?? {})).toEqual(['postgres', broker]);
      for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(condition === 'service_healthy').toBe(services[name]?.healthcheck !== undefined);
      }
    });
  });

  it('brings RabbitMQ up with a user, an exchange, and a queue that gets every event', async () => {
    const compose = read('rabbitmq.yml');
    const definitions = JSON.parse(compose.configs?.['definitions']?.content ?? '') as Record<string, unknown>;
    const { WAL_PUBLISHER_USERNAME: user, WAL_PUBLISHER_PASSWORD: password } =
      compose.services['wal-listener']?.environment ?? {};
    await using server = await startRabbitmq({ definitions });
    const client = await server.client(server.address.replace('://', `://${user ?? ''}:${password ?? ''}@`));
    try {
      const channel = await client.createConfirmChannel();
      // The service declares it so; another kind would close the channel.
      await channel.assertExchange('shop', 'topic', { durable: true });
      channel.publish('shop', 'shop.public_users', Buffer.from('{}'));
      await channel.waitForConfirms();
      expect((await channel.checkQueue('shop-events')).messageCount).toBe(1);
    } finally {
      await client.close();
    }
  });
});
