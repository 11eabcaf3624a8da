import type { PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';
import { AMQP, refusalOf } from './map-rabbitmq-error.js';
import type { RabbitLink } from './rabbit-link.js';

type MissingCode = 'BROKER_CONFIG' | 'BROKER_REFUSED';

/**
 * Declares the exchange, or (declareExchange: false) looks whether it is there. Changes nothing when it exists.
 *
 * @param missing what a missing exchange is that is not to be declared: fatal at the start, retried when it was there
 * @throws AppError BROKER_CONFIG when it is of another kind, not durable, or missing and not to be declared; BROKER_AUTH
 * when the user may not declare it
 */
export async function ensureExchange(
  link: RabbitLink,
  publisher: PublisherConfig,
  missing: MissingCode,
): Promise<void> {
  const name = publisher.topic;
  await link.onScratchChannel(`exchange "${name}"`, async (channel) => {
    try {
      if (publisher.rabbitmq.declareExchange) {
        await channel.assertExchange(name, publisher.exchangeKind, { durable: true });
      } else {
        await channel.checkExchange(name);
      }
    } catch (error) {
      throw exchangeError(error, publisher, link.party.vhost, missing) ?? error;
    }
  });
}

/** What the operator can do about it; undefined when it is nothing special about the exchange. */
export function exchangeError(
  error: unknown,
  publisher: PublisherConfig,
  vhost: string,
  missing: MissingCode,
): AppError | undefined {
  const refusal = refusalOf(error);
  const { topic: exchange, exchangeKind: kind } = publisher;
  const facts = { exchange, vhost };
  if (refusal?.code === AMQP.notFound) {
    return new AppError(missing, `exchange "${exchange}" does not exist in vhost "${vhost}"`, {
      cause: error,
      facts,
      remedy:
        'Declare it durable (rabbitmqadmin declare exchange name=… type=… durable=true), or let wal-listener do it: ' +
        'publisher.rabbitmq.declareExchange: true.',
    });
  }
  if (refusal?.code === AMQP.preconditionFailed) {
    const wanted = `${kind}, durable, not auto-delete, not internal`;
    return new AppError('BROKER_CONFIG', `exchange "${exchange}" is not ${wanted}: ${refusal.text}`, {
      cause: error,
      facts,
      remedy:
        'Set publisher.exchangeKind to its kind, use another publisher.topic, or take it as it is with ' +
        'publisher.rabbitmq.declareExchange: false.',
    });
  }
  return undefined;
}
