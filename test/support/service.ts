import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Child, type StartChildOptions } from './child-process.js';

/** The built program's entry file; throws when it was not built. */
export function builtEntry(): string {
  const entry = join(repositoryRoot(), 'dist/apps/wal-listener/src/main.js');
  if (!existsSync(entry)) throw new Error(`${entry} is missing: npm run build`);
  return entry;
}

/** The folder with package.json above this file, whether it runs from the sources or compiled, below dist. */
export function repositoryRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

export interface StartServiceOptions extends StartChildOptions {
  /** Another entry file than the program's own. */
  readonly entry?: string;
}

/**
 * Starts the built wal-listener with these arguments and WAL_* variables, as a user does. Its working folder is a
 * neutral one, so that no config.yml or .env of the checkout reaches it.
 */
export function startService(env: Readonly<Record<string, string>>, options: StartServiceOptions = {}): Child {
  const args = [options.entry ?? builtEntry(), ...(options.args ?? [])];
  return Child.start(process.execPath, { cwd: tmpdir(), ...options, args, env: { ...env, ...options.env } });
}

/** The WAL_DATABASE_* variables for a server of the tests. */
export function databaseVariables(server: {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}): Record<string, string> {
  return {
    WAL_DATABASE_HOST: server.host,
    WAL_DATABASE_PORT: String(server.port),
    WAL_DATABASE_USER: server.user,
    WAL_DATABASE_PASSWORD: server.password,
    WAL_DATABASE_NAME: server.database,
  };
}
