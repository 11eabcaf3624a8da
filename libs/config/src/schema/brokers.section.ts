import { Max, Min } from 'class-validator';
import { duration, size } from '../kinds/measure-kinds.js';
import { filePath, flag, oneOf, wholeNumber } from '../kinds/scalar-kinds.js';
import { accepts, Option } from './option.js';

const POSITIVE = accepts('a whole number, 1 or more');
const REPLICAS = accepts('a number from 1 to 5');
/** JetStream counts in 64-bit nanoseconds; a century is far below. */
const CENTURY_MS = 100 * 365 * 86_400_000;
const LONG = accepts('a duration up to a century');

export class NatsSection {
  @Option(oneOf(['file', 'memory']), { description: 'Where a new stream keeps its messages.' })
  storage: 'file' | 'memory' = 'file';

  @Min(1, REPLICAS)
  @Max(5, REPLICAS)
  @Option(wholeNumber, { description: 'Replicas of a new stream.' })
  replicas: number = 1;

  @Max(CENTURY_MS, LONG)
  @Option(duration, { description: 'How long a new stream keeps a message; 0 = without limit.' })
  maxAge: number = 0;

  @Option(size, { description: 'How much a new stream holds; 0 = without limit.' })
  maxBytes: number = 0;

  @Min(100, accepts('a duration of at least `100ms`'))
  @Max(CENTURY_MS, LONG)
  @Option(duration, { description: 'How long a new stream recognises a repeated message by its id.' })
  duplicateWindow: number = 120_000;

  @Option(oneOf(['auto', 'on', 'off']), {
    description:
      'Whether each message names its predecessor in the stream, so that nothing overtakes a refused one. `auto` goes ' +
      'over to one unacknowledged message per ordering key, with a warning, when the stream has other writers.',
  })
  chain: 'auto' | 'on' | 'off' = 'auto';
}

export class KafkaSection {
  @Option(oneOf(['none', 'gzip', 'snappy', 'lz4', 'zstd']), {
    description: 'Compression of batches. All but `none` and `gzip` need their codec package.',
  })
  compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd' = 'none';

  @Option(flag, { description: 'Creates topics that do not exist.' })
  autoCreateTopics: boolean = false;

  @Min(1, POSITIVE)
  @Option(wholeNumber, { description: 'Partitions of a topic created.', defaultText: "the broker's", example: '4' })
  partitions: number | undefined = undefined;

  @Min(1, POSITIVE)
  @Max(32_767, accepts('a number from 1 to 32767'))
  @Option(wholeNumber, {
    description: 'Replication factor of a topic created.',
    defaultText: "the broker's",
    example: '3',
  })
  replicationFactor: number | undefined = undefined;
}

export class RabbitmqSection {
  @Option(flag, { description: 'Declares the exchange (durable); `false` uses one that exists as it is.' })
  declareExchange: boolean = true;
}

export class PubsubSection {
  @Option(flag, { description: 'Creates topics that do not exist.' })
  createTopics: boolean = false;

  @Option(filePath, {
    description: 'JSON file with the credentials of a service account.',
    defaultText: "the environment's",
    example: '/etc/gcp/key.json',
  })
  credentialsFile: string | undefined = undefined;

  @Min(1, POSITIVE)
  @Max(1_000_000, accepts('a number from 1 to 1000000'))
  @Option(wholeNumber, { description: 'Into how many Pub/Sub ordering keys the ordering keys are spread.' })
  orderingBuckets: number = 256;
}
