import { describe, expect, it } from 'vitest';
import { AppError, deferred, silentLogger } from '#lib/kernel';
import { Lane } from './bucket-lanes.js';
import { TopicCreator } from './topic-creator.js';

const lane = (bucket: number) => new Lane('app.public_new', Buffer.from('path'), Buffer.from(String(bucket)));

function setUp() {
  const reports: string[] = [];
  const log: string[] = [];
  const logger = { ...silentLogger, info: (message: string) => void log.push(message) };
  const creator = new TopicCreator(logger, {
    created: (lanes) => reports.push(`created for ${String(lanes.length)}`),
    failed: (lanes, error) => reports.push(`${error.code} for ${String(lanes.length)}`),
  });
  return { creator, reports, log };
}

describe('topics that turn up late', () => {
  it('are created by one request for all lanes that want one', async () => {
    const { creator, reports, log } = setUp();
    const answer = deferred<boolean>();
    let requests = 0;
    const link = {
      createTopic: () => {
        requests += 1;
        return answer.promise;
      },
    };
    const creating = [creator.create(link, lane(1)), creator.create(link, lane(2)), creator.create(link, lane(3))];
    answer.resolve(true);
    await Promise.all(creating);
    expect([requests, reports]).toEqual([1, ['created for 3']]);
    expect(log).toHaveLength(1);
  });

  it.each([true, false])(
    'but are not found yet make the lane wait, whether created again or not (%s)',
    async (isNew) => {
      const { creator, reports, log } = setUp();
      await creator.create({ createTopic: () => Promise.resolve(true) }, lane(1));
      await creator.create({ createTopic: () => Promise.resolve(isNew) }, lane(1));
      expect(reports).toEqual(['created for 1', 'BROKER_REFUSED for 1']);
      expect(log).toHaveLength(isNew ? 2 : 1);
    },
  );

  it('are tried again after a failure', async () => {
    const { creator, reports } = setUp();
    const broken = { createTopic: () => Promise.reject(new AppError('BROKER_TIMEOUT', 'too slow')) };
    await creator.create(broken, lane(1));
    await creator.create({ createTopic: () => Promise.resolve(true) }, lane(1));
    expect(reports).toEqual(['BROKER_TIMEOUT for 1', 'created for 1']);
  });
});
