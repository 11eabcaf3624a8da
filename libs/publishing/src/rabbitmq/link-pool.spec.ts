import { afterEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '#lib/kernel';
import { publisherTestConfig } from '../testing/publisher-config.js';
import { LinkPool } from './link-pool.js';
import { mapConnectionError } from './map-rabbitmq-error.js';
import { type LinkListener, RabbitLink } from './rabbit-link.js';

/** What a broker does with whoever connects; it accepts unless said otherwise. */
type Answer = 'closedVhost' | 'down' | 'badPassword';

const ERRORS = {
  closedVhost: new Error('Expected ConnectionOpenOk; got <ConnectionClose channel:0>'),
  badPassword: new Error('Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED"'),
  down: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
};

function fixture(...addresses: readonly string[]) {
  const answers = new Map<string, Answer>();
  const tried: string[] = [];
  vi.spyOn(RabbitLink, 'open').mockImplementation(async (_publisher, { address, vhost, tls }, admitted) => {
    tried.push(address);
    const party = { address, vhost, tls, user: '"bob"', admitted };
    const answer = answers.get(address);
    if (answer !== undefined) throw mapConnectionError(ERRORS[answer], party);
    return Promise.resolve({ party } as RabbitLink);
  });
  const pool = new LinkPool(publisherTestConfig({ type: 'rabbitmq', addresses }).publisher);
  const open = () => pool.open({} as LinkListener, new AbortController().signal);
  const failure = () =>
    open().then(
      () => undefined,
      (error: unknown) => (error instanceof AppError ? error.code : error),
    );
  return { pool, open, failure, answers, tried };
}

afterEach(() => void vi.restoreAllMocks());

describe('LinkPool', () => {
  it('stays with the broker that worked, and leaves one that was of no use', async () => {
    const { pool, open, tried } = fixture('a:1', 'b:2');
    const first = await open();
    await open();
    pool.passOver(first);
    const second = await open();
    // The first is told of late.
    pool.passOver(first);
    await open();
    pool.passOver(second);
    await open();
    expect(tried).toEqual(['a:1', 'a:1', 'b:2', 'b:2', 'a:1']);
  });

  it('holds a vhost that was never open for a mistake only after some attempts in a row', async () => {
    const { failure, answers } = fixture('a:1', 'b:2');
    answers.set('a:1', 'closedVhost').set('b:2', 'down');
    for (let i = 0; i < 4; i++) expect(await failure()).toBe('BROKER_REFUSED');
    answers.set('a:1', 'down');
    expect(await failure()).toBe('BROKER_UNREACHABLE');
    answers.set('a:1', 'closedVhost');
    for (let i = 0; i < 4; i++) expect(await failure()).toBe('BROKER_REFUSED');
    expect(await failure()).toBe('BROKER_AUTH');
  });

  it('never holds a vhost for a mistake that any broker let us into', async () => {
    const { failure, answers } = fixture('a:1', 'b:2');
    expect(await failure()).toBeUndefined();
    answers.set('a:1', 'down').set('b:2', 'closedVhost');
    for (let i = 0; i < 10; i++) expect((await failure())?.toString()).toMatch(/^BROKER_(UNREACHABLE|REFUSED)$/);
  });

  it('lets one broker refuse for good only until one let us in; then all have to', async () => {
    const { failure, answers } = fixture('a:1', 'b:2');
    answers.set('a:1', 'badPassword').set('b:2', 'down');
    expect(await failure()).toBe('BROKER_AUTH');
    answers.delete('b:2');
    expect(await failure()).toBeUndefined();
    answers.set('b:2', 'down');
    expect(await failure()).toBe('BROKER_UNREACHABLE');
    answers.set('b:2', 'badPassword');
    expect(await failure()).toBe('BROKER_AUTH');
  });
});
