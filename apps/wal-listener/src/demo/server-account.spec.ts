import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canEnter } from './server-account.js';

describe('canEnter', () => {
  it('looks at every folder on the way', () => {
    const top = mkdtempSync(join(tmpdir(), 'enter-'));
    const below = join(top, 'open');
    mkdirSync(below, { mode: 0o755 });
    const uid = process.getuid?.() ?? 0;
    const gid = process.getgid?.() ?? 0;
    const other = { name: 'other', uid: uid + 1, gid: gid + 1 };
    try {
      expect(canEnter(other, below)).toBe(false);
      expect(canEnter({ name: 'self', uid, gid }, below)).toBe(true);
      chmodSync(top, 0o755);
      expect(canEnter(other, below)).toBe(true);
    } finally {
      rmSync(top, { recursive: true });
    }
  });
});
