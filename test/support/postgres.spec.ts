import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isAlive } from '../../apps/wal-listener/src/demo/process-tree.js';
import { POSTGRES_VERSIONS, startPostgres } from './postgres.js';

describe.each(POSTGRES_VERSIONS)('PostgreSQL %i of the tests', (version) => {
  it('decodes logically, survives kill and restart, and leaves nothing behind', async () => {
    let folder = '';
    let pid = 0;
    {
      await using server = await startPostgres({ version, settings: { wal_sender_timeout: '2s' } });
      folder = server.dataDir;
      const [settings] = await server.query(
        `SELECT current_setting('server_version_num')::int / 10000 AS version, current_setting('wal_level') AS level,
                current_setting('wal_sender_timeout') AS timeout`,
      );
      expect(settings).toEqual({ version, level: 'logical', timeout: '2s' });
      await server.query(`SELECT pg_create_logical_replication_slot('s', 'pgoutput'); CREATE TABLE t (id int)`);

      await server.kill();
      expect(server.running).toBe(false);
      await server.startAgain();
      await server.query('INSERT INTO t VALUES (1)');
      await server.restart('immediate', { max_replication_slots: '7' });
      expect(await server.query(`SELECT id, current_setting('max_replication_slots') AS slots FROM t`)).toEqual([
        { id: 1, slots: '7' },
      ]);
      await server.restart('fast');
      expect(await server.query('SELECT slot_name FROM pg_replication_slots')).toEqual([{ slot_name: 's' }]);

      server.pause();
      const answer = server.query('SELECT 1 AS one');
      const first = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 300, 'silent'))]);
      expect(first).toBe('silent');
      server.resume();
      expect(await answer).toEqual([{ one: 1 }]);
      pid = server.pid;
    }
    expect(existsSync(folder)).toBe(false);
    expect(isAlive(pid)).toBe(false);
  });

  it('shows the log when it cannot start', async () => {
    await expect(startPostgres({ version, settings: { wal_level: 'nonsense' } })).rejects.toThrow(/nonsense/);
  });
});
