import type { PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';
import type { BrokerFinding } from '../publisher.js';
import { exchangeError } from './exchange-setup.js';
import type { LinkPool } from './link-pool.js';
import { AMQP, isVhostClosed, refusalOf, vhostMistake } from './map-rabbitmq-error.js';
import type { RabbitLink } from './rabbit-link.js';

const DEAF = {
  confirmed: () => undefined,
  returned: () => undefined,
  drained: () => undefined,
  blocked: () => undefined,
  lost: () => undefined,
};

/**
 * What stands in the way of publishing, or weakens it, as far as AMQP can tell (queues and bindings it cannot); declares
 * nothing that is not there.
 * @throws AppError when RabbitMQ cannot be asked
 */
export async function checkRabbitmq(
  pool: LinkPool,
  publisher: PublisherConfig,
  signal: AbortSignal,
): Promise<readonly BrokerFinding[]> {
  let link: RabbitLink | undefined;
  try {
    link = await pool.open(DEAF, signal);
    if (!(await exchangeExists(link, publisher.topic))) {
      if (publisher.rabbitmq.declareExchange) return [];
      const missing = exchangeError(
        new Error('404 (NOT-FOUND) with message ""'),
        publisher,
        link.party.vhost,
        'BROKER_CONFIG',
      );
      return missing === undefined ? [] : [finding(missing)];
    }
    return await differences(link, publisher);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (isVhostClosed(error)) return [finding(vhostMistake(error))];
    if (error.retriable) throw error;
    return [finding(error)];
  } finally {
    await link?.close(1000);
  }
}

async function exchangeExists(link: RabbitLink, exchange: string): Promise<boolean> {
  return link.onScratchChannel(`exchange "${exchange}"`, async (channel) => {
    try {
      await channel.checkExchange(exchange);
      return true;
    } catch (error) {
      if (refusalOf(error)?.code === AMQP.notFound) return false;
      throw error;
    }
  });
}

/** Declaring what exists changes nothing, and is refused when it is another. */
async function differences(link: RabbitLink, publisher: PublisherConfig): Promise<readonly BrokerFinding[]> {
  const { topic: exchange, exchangeKind, rabbitmq } = publisher;
  return link.onScratchChannel(`exchange "${exchange}"`, async (channel) => {
    try {
      await channel.assertExchange(exchange, exchangeKind, { durable: true });
      return [];
    } catch (error) {
      const refusal = refusalOf(error);
      if (rabbitmq.declareExchange) throw exchangeError(error, publisher, link.party.vhost, 'BROKER_CONFIG') ?? error;
      // It is used as it is; only what loses it at a restart of the broker is worth a word.
      if (refusal?.code === AMQP.preconditionFailed && refusal.text.includes("arg 'durable'"))
        return [notDurable(exchange)];
      if (refusal !== undefined) return [];
      throw error;
    }
  });
}

function notDurable(exchange: string): BrokerFinding {
  return {
    severity: 'warning',
    code: 'BROKER_CONFIG',
    message: `exchange "${exchange}" is not durable: it and its bindings are gone when RabbitMQ restarts`,
    remedy: 'Declare it durable.',
  };
}

function finding({ code, message, remedy }: AppError): BrokerFinding {
  return { severity: 'error', code, message, remedy };
}
