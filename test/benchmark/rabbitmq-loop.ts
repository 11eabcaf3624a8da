import { connect, type ConfirmChannel } from 'amqplib';
import { idOf, measureLoop, pipeline, readEvents } from './bare-loop.js';

const MAX_UNCONFIRMED = 4096;
/** The broker keeps a message's headers with it, so the loop's are like the service's. */
const LSN = '0/12345678';

/**
 * The least a program can do that publishes durably with this client: persistent messages that lie in memory, each with
 * its id and headers, mandatory, pipelined on a channel with confirms, every confirm awaited.
 *
 * Arguments: a file with one event a line, how many of its last lines, address, exchange, routing key.
 */
async function main([file = '', rows = '', address = '', exchange = '', routingKey = '']: readonly string[]) {
  const events = readEvents(file, Number(rows));
  const connection = await connect(address);
  const channel = await connection.createConfirmChannel();
  await measureLoop(() => publishAll(channel, exchange, routingKey, events));
  await connection.close();
}

function publishAll(
  channel: ConfirmChannel,
  exchange: string,
  routingKey: string,
  events: readonly Buffer[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.on('return', () => reject(new Error('no queue wants the messages')));
    pipeline(events, MAX_UNCONFIRMED, (event, index, answered) => {
      const options = {
        persistent: true,
        mandatory: true,
        messageId: idOf(event),
        contentType: 'application/json',
        headers: { lsn: LSN, ordinal: index },
      };
      channel.publish(exchange, routingKey, event, options, answered);
    }).then(resolve, reject);
  });
}

await main(process.argv.slice(2));
