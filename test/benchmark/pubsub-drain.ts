import { startPubsub } from '../support/pubsub-emulator.js';
import { PUBSUB_PROJECT } from '../support/pubsub-test-client.js';
import { type BrokerTarget, brokerContenders } from './broker-drain.js';

const TOPIC = 'bench';
const EVENT_TOPIC = `${TOPIC}.public_things`;

/** Google's emulator with an ordered subscription; a fraction of the rows, since it is slower than the others. */
export const pubsubContenders = brokerContenders({
  name: 'Pub/Sub emulator',
  loop: 'pubsub-loop.js',
  open: openPubsub,
  part: 'tail',
});

async function openPubsub(): Promise<BrokerTarget> {
  const emulator = await startPubsub({ heap: '2g', fullSpeed: true });
  const client = emulator.client();
  await client.createSubscribed(EVENT_TOPIC);
  return {
    env: {
      WAL_PUBLISHER_TYPE: 'google_pubsub',
      WAL_PUBLISHER_ADDRESS: emulator.address,
      WAL_PUBLISHER_PUB_SUB_PROJECT_ID: PUBSUB_PROJECT,
      WAL_PUBLISHER_TOPIC: TOPIC,
    },
    loopArgs: [emulator.address, PUBSUB_PROJECT, EVENT_TOPIC],
    count: async () => (await client.pullAll(EVENT_TOPIC)).length,
    async [Symbol.asyncDispose]() {
      await client.close();
      await emulator[Symbol.asyncDispose]();
    },
  };
}
