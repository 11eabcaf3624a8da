import type { Options } from 'amqplib';
import { eventId, type OutgoingEvent } from '#lib/events';

/**
 * The AMQP properties of an event: persistent, mandatory, `messageId` = the event's id, headers `lsn` and `ordinal` and,
 * with metadata, `xid`, `commit-time`, `table` and `action`. One object is reused for all messages, since the client
 * encodes it at once.
 */
export class MessageProperties {
  private readonly headers: Record<string, string | number> = { lsn: '', ordinal: 0 };
  private readonly options: Options.Publish & { messageId: string } = {
    mandatory: true,
    deliveryMode: 2,
    contentType: 'application/json',
    messageId: '',
    headers: this.headers,
  };

  constructor(private readonly metadata: boolean) {}

  /** Valid until the next call. */
  of(event: OutgoingEvent): Options.Publish {
    const { headers, options } = this;
    options.messageId = eventId(event);
    headers['lsn'] = event.tx.lsnText;
    headers['ordinal'] = event.ordinal;
    if (this.metadata) {
      headers['xid'] = event.tx.xid;
      headers['commit-time'] = event.tx.commitTime;
      headers['table'] = `${event.route.schema}.${event.route.table}`;
      headers['action'] = event.action;
    }
    return options;
  }
}
