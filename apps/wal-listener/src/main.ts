#!/usr/bin/env node
import 'reflect-metadata';
import { toAppError } from '#lib/kernel';
import { buildInfo, versionText } from './build-info.js';
import { parseCommandLine, type Invocation } from './cli.js';
import { boundHeap } from './heap.js';
import { HeapSnapshots } from './heap-snapshots.js';
import { HELP } from './help.js';
import { StopSignals } from './stop-signals.js';

const EXIT_FATAL = 1;
const EXIT_USAGE = 2;

/** Each command is loaded only when asked for: help needs no broker client. */
async function execute(invocation: Invocation): Promise<number> {
  switch (invocation.command) {
    case 'help':
      process.stdout.write(HELP);
      return 0;
    case 'version':
      process.stdout.write(`wal-listener ${versionText(buildInfo())}\n`);
      return 0;
    case 'run': {
      const signals = new StopSignals();
      const snapshots = new HeapSnapshots();
      boundHeap();
      return (await import('./commands/run.js')).run(invocation.configPath, signals, snapshots);
    }
    case 'check':
      return (await import('./commands/check.js')).check(invocation.configPath, invocation.json);
    case 'healthcheck':
      return (await import('./commands/healthcheck.js')).healthcheck(invocation.configPath);
    case 'demo':
      return (await import('./commands/demo.js')).runDemo({ once: invocation.once });
  }
}

try {
  process.exitCode = await execute(parseCommandLine(process.argv.slice(2)));
} catch (thrown) {
  const error = toAppError(thrown);
  process.stderr.write(`wal-listener: ${error.code}: ${error.message}\n  remedy: ${error.remedy}\n`);
  if (error.code === 'INTERNAL' && error.cause instanceof Error) process.stderr.write(`${error.cause.stack ?? ''}\n`);
  process.exitCode = error.code === 'USAGE' || error.code === 'CONFIG_INVALID' ? EXIT_USAGE : EXIT_FATAL;
}
// Nothing that is still open (a pooled socket, a timer of a client library) may keep the process alive.
process.exit();
