import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Child } from './child-process.js';
import { freePort } from './free-port.js';
import { tempDir } from './temp-dir.js';
import { waitFor } from './wait-for.js';

const node = (script: string) => Child.start(process.execPath, { args: ['-e', script] });

describe('waitFor', () => {
  it('gives the value once it is there', async () => {
    let asked = 0;
    expect(await waitFor(() => (++asked > 3 ? asked : undefined), { what: 'four' })).toBe(4);
  });

  it('names what was awaited and keeps the last error as the cause', async () => {
    const cause = new Error('no route');
    const failing = waitFor(() => Promise.reject(cause), { what: 'the broker', deadlineMs: 30 });
    await expect(failing).rejects.toMatchObject({ message: 'Waited 30 ms in vain for the broker', cause });
  });
});

describe('Child', () => {
  it('collects lines of both outputs and the exit code', async () => {
    await using child = node('console.log("a\\nb"); console.error("c"); process.exitCode = 3');
    expect(await child.waitForExit()).toEqual({ code: 3, signal: null });
    expect(child.stdout).toEqual(['a', 'b']);
    expect(child.stderr).toEqual(['c']);
  });

  it('reads the peak memory of a running program', async () => {
    await using child = node(
      'const b = Buffer.alloc(200e6, 1); console.log("full", b.length); setInterval(() => {}, 1e3)',
    );
    await child.waitForLine('full');
    expect(child.peakRssBytes()).toBeGreaterThan(200e6);
  });

  it('fails at once when the program ends without the awaited line', async () => {
    await using child = node('console.error("broken")');
    await expect(child.waitForLine('ready', 5000)).rejects.toThrow(/ended without a line with ready[^]*broken/);
  });

  it('kills what still runs', async () => {
    const child = node('setInterval(() => {}, 1e3); console.log("up")');
    await child.waitForLine('up');
    await child[Symbol.asyncDispose]();
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });
});

describe('tempDir and freePort', () => {
  it('removes the folder with what is in it', async () => {
    let path: string;
    {
      await using folder = await tempDir();
      path = folder.path;
      await writeFile(`${path}/file`, '');
    }
    expect(existsSync(path)).toBe(false);
  });

  it('gives a port one can listen on', async () => {
    const server = createServer().listen(await freePort(), '127.0.0.1');
    await once(server, 'listening');
    expect(server.listening).toBe(true);
    server.close();
  });
});
