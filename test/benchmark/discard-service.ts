import 'reflect-metadata';
import { boundHeap } from '../../apps/wal-listener/src/heap.js';
import { HeapSnapshots } from '../../apps/wal-listener/src/heap-snapshots.js';
import { StopSignals } from '../../apps/wal-listener/src/stop-signals.js';

/**
 * The program with a publisher that drops everything: what reading, decoding, encoding and confirming cost. No
 * configuration chooses it, so the module that would make the configured driver is replaced before the application is
 * built; all else is the program itself, started as its main.ts does.
 */
boundHeap();
const { discardDriver, PUBLISHER_DRIVER, PublishingModule } = await import('#lib/publishing');
const { PipelineModule } = await import('#lib/pipeline');
const { run } = await import('../../apps/wal-listener/src/commands/run.js');

/** Keys are written too, as for a broker that takes them. */
const discarding = {
  module: PublishingModule,
  providers: [{ provide: PUBLISHER_DRIVER, useValue: discardDriver(true) }],
  exports: [PUBLISHER_DRIVER],
};
const imports = Reflect.getMetadata('imports', PipelineModule) as readonly { readonly module?: unknown }[];
const replaced = imports.map((imported) => (imported.module === PublishingModule ? discarding : imported));
if (!replaced.includes(discarding)) throw new Error('the publishing module was not found');
Reflect.defineMetadata('imports', replaced, PipelineModule);

process.exitCode = await run(undefined, new StopSignals(), new HeapSnapshots());
// As the program does: nothing that is still open may keep the process alive.
// oxlint-disable-next-line unicorn/no-process-exit -- this is an entry file
process.exit();
