import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** The operating system's account a PostgreSQL server runs as. */
export interface ServerAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The account to run the server as: undefined (our own) for an ordinary user; for root, whom PostgreSQL refuses,
 * `postgres` where it exists, else `nobody`.
 */
export function serverAccount(): ServerAccount | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = readFileSync('/etc/passwd', 'utf8');
  return findAccount(passwd, 'postgres') ?? findAccount(passwd, 'nobody') ?? { name: '65534', uid: 65534, gid: 65534 };
}

function findAccount(passwd: string, name: string): ServerAccount | undefined {
  const line = passwd.split('\n').find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined || gid === undefined ? undefined : { name, uid: Number(uid), gid: Number(gid) };
}

/** Whether the account may enter `folder` and every folder above it (permission bits only). */
export function canEnter(account: ServerAccount, folder: string): boolean {
  let path = resolve(folder);
  for (;;) {
    const { mode, uid, gid } = statSync(path);
    const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0;
    if (((mode >> shift) & 1) === 0) return false;
    const parent = dirname(path);
    if (parent === path) return true;
    path = parent;
  }
}
