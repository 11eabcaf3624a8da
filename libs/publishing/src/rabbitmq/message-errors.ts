import type { OutgoingEvent } from '#lib/events';
import { AppError } from '#lib/kernel';

/** A message that no queue is bound for. */
export function unroutableError(exchange: string, routingKey: string): AppError {
  return new AppError('BROKER_REFUSED', `no queue takes "${routingKey}" of exchange "${exchange}"`, {
    facts: { exchange, routingKey },
    remedy: 'Bind a queue for this routing key, or give the exchange an alternate exchange.',
  });
}

/** The broker's negative confirmation of one message. */
export function nackError({ route }: OutgoingEvent, exchange: string): AppError {
  const routingKey = route.topic;
  return new AppError('BROKER_REFUSED', `RabbitMQ refused a message (nack): exchange "${exchange}", "${routingKey}"`, {
    facts: { exchange, routingKey },
    remedy: 'A queue is full (overflow: reject-publish) or has no leader now; retried for ever.',
  });
}

/** Neither a positive nor a negative one for this long. */
export function overdueError(exchange: string, waitedMs: number): AppError {
  const seconds = Math.round(waitedMs / 1000);
  const message = `RabbitMQ has not confirmed a message to exchange "${exchange}" for ${seconds} s`;
  return new AppError('BROKER_TIMEOUT', message, { facts: { exchange } });
}
