import { existsSync } from 'node:fs';
import type { ServerAccount } from './server-account.js';

/** Debian's util-linux, part of every installation. */
const SETPRIV = '/usr/bin/setpriv';

export interface SpawnCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** For spawn(): the account, where the command itself does not change to it. */
  readonly account: { readonly uid?: number; readonly gid?: number };
}

/**
 * The command that runs a program as `account` and, on Linux, has the kernel send it `signal` when this process dies
 * without a chance to stop it: nothing is left running after a SIGKILL.
 */
export function dieWithParent(
  signal: 'INT' | 'KILL',
  program: string,
  args: readonly string[],
  account?: ServerAccount,
): SpawnCommand {
  if (!existsSync(SETPRIV)) {
    return { program, args, account: account === undefined ? {} : { uid: account.uid, gid: account.gid } };
  }
  const ids = account ? [`--reuid=${String(account.uid)}`, `--regid=${String(account.gid)}`, '--clear-groups'] : [];
  return { program: SETPRIV, args: [...ids, '--pdeathsig', signal, '--', program, ...args], account: {} };
}
