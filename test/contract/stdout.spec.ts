import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { noMetrics, silentLogger } from '#lib/kernel';
import { createPublisherDriver } from '#lib/publishing';
import { EventMaker } from '../../libs/publishing/src/testing/outgoing-events.js';
import { publisherTestConfig } from '../../libs/publishing/src/testing/publisher-config.js';
import { Attempt } from '../../libs/publishing/src/testing/publisher-harness.js';

type Reader = ChildProcessByStdio<Writable, Readable, null>;

function startReader(command: string): Reader {
  return spawn('sh', ['-c', command], { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function openInto(reader: Reader): Promise<Attempt> {
  const driver = await createPublisherDriver(publisherTestConfig({ type: 'stdout', topic: '' }), {
    logger: silentLogger,
    metrics: noMetrics,
    stdout: reader.stdin,
  });
  return new Attempt(driver).open();
}

describe('standard output, into a pipe', () => {
  it('delivers every event once, in order, one line each, however slowly it is read', async () => {
    const reader = startReader('sleep 0.3; cat');
    const lines: string[] = [];
    createInterface({ input: reader.stdout }).on('line', (line) => lines.push(line));
    const attempt = await openInto(reader);
    const maker = new EventMaker('app');
    for (let i = 0; i < 50; i++) attempt.publish(maker.batch(100, (n) => ({ fillBytes: n * 10 })));
    expect(attempt.listener.seqs.size).toBeLessThan(5000);
    await attempt.listener.untilSettled(5000);
    await attempt.publisher.close(1000);
    const ended = new Promise((resolve) => reader.once('close', resolve));
    reader.stdin.end();
    await ended;
    expect(lines).toEqual(attempt.sent.map((event) => event.slab.toString('utf8', event.start, event.end)));
  });

  it('ends the service when the reader has gone, and settles nothing that it did not take', async () => {
    const reader = startReader('head -c 1000 >/dev/null');
    const ended = new Promise((resolve) => reader.once('close', resolve));
    const attempt = await openInto(reader);
    const maker = new EventMaker('app');
    const writing = setInterval(() => attempt.publish(maker.batch(100)), 5);
    const error = await attempt.listener.untilFailed();
    clearInterval(writing);
    expect(error).toMatchObject({ code: 'BROKER_CONFIG', retriable: false });
    expect(error.message).toMatch(/EPIPE|destroyed/);
    expect(attempt.listener.errors).toHaveLength(1);
    expect(attempt.listener.seqs.size).toBeLessThan(attempt.sent.length);
    await attempt.publisher.close(0);
    await ended;
  });
});
