import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { Child } from '../support/child-process.js';
import { builtEntry } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';
import { waitFor } from '../support/wait-for.js';

/** Starts the demonstration with temporary files in a folder of the test's, where what it leaves behind can be seen. */
function startDemo(tmp: string, args: readonly string[] = []): Child {
  return Child.start(process.execPath, { args: [builtEntry(), 'demo', ...args], env: { TMPDIR: tmp } });
}

/** Ids of processes whose command line or working folder names the folder. */
function processesUsing(folder: string): string[] {
  return readdirSync('/proc').filter((entry) => {
    try {
      if (!/^\d+$/.test(entry)) return false;
      const commandLine = readFileSync(`/proc/${entry}/cmdline`, 'utf8');
      return commandLine.includes(folder) || readlinkSync(`/proc/${entry}/cwd`).includes(folder);
    } catch {
      return false;
    }
  });
}

/** A folder that the server's account may enter too. */
async function sharedTempDir() {
  const folder = await tempDir();
  await chmod(folder.path, 0o777);
  return folder;
}

describe('wal-listener demo', () => {
  it('shows an event of every kind, checks that all arrived, and leaves nothing behind', async () => {
    await using folder = await sharedTempDir();
    await using demo = startDemo(folder.path, ['--once']);
    expect(await demo.waitForExit(120_000), demo.lastOutput()).toEqual({ code: 0, signal: null });
    const output = demo.stdout.join('\n');
    expect(output).toMatch(/INSERT +customers +id=1 name=Ada /);
    // An update without its old row shows the new row; with it what changed.
    expect(output).toMatch(/UPDATE +customers +id=2 name=Grace email=grace2@example\.org /);
    expect(output).toMatch(/UPDATE +orders +id=1 status=new → paid$/m);
    expect(output).toMatch(/UPDATE +products +id=1 name=Telescope price=179\.90 description unchanged$/m);
    expect(output).toMatch(/DELETE +orders +id=2 customer_id=2 status=new total=19\.99$/m);
    expect(output).toMatch(/DELETE +customers +id=2$/m);
    expect(output).toMatch(/TRUNCATE +carts$/m);
    expect(output).toMatch(/more events of the same transaction: 20,000 in /);
    expect(demo.stdout.at(-1)).toMatch(/^20,013 events in .*: every change arrived, once and in commit order\.$/);
    expect(readdirSync(folder.path)).toEqual([]);
    expect(processesUsing(folder.path)).toEqual([]);
  });

  it.each([
    { name: 'Ctrl-C', signals: ['SIGINT'], code: 0 },
    { name: 'SIGTERM', signals: ['SIGTERM'], code: 0 },
    // Two of the same kind could merge into one on their way.
    { name: 'a second signal before the first is done with', signals: ['SIGINT', 'SIGTERM'], code: 130 },
  ] as const)('ends cleanly on $name', async ({ signals, code }) => {
    await using folder = await sharedTempDir();
    await using demo = startDemo(folder.path);
    await demo.waitForLine('UPDATE', 60_000);
    for (const signal of signals) demo.signal(signal);
    expect(await demo.waitForExit(30_000), demo.lastOutput()).toEqual({ code, signal: null });
    expect(readdirSync(folder.path)).toEqual([]);
    await waitFor(() => processesUsing(folder.path).length === 0, { what: 'every process of the demo to end' });
  });
});
