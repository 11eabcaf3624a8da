import { describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '#lib/kernel';
import { PipelineHost } from './pipeline.host.js';
import type { Supervisor } from './supervisor.js';

describe('PipelineHost', () => {
  it('cuts the stream before it asks for the end, when the process cannot trust itself any more', async () => {
    const told: string[] = [];
    const supervisor = {
      run: (signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            told.push('stop');
            resolve();
          });
        }),
      cut: () => void told.push('cut'),
    } as unknown as Supervisor;
    const host = new PipelineHost(supervisor, silentLogger, systemClock, 1_000);
    host.onApplicationBootstrap();
    host.abandon();
    expect(await host.finished).toBeUndefined();
    expect(told).toEqual(['cut', 'stop']);
  });
});
