import { ConfigError, type ConfigFault } from '../config-fault.js';
import { loadConfig, type LoadedConfig } from '../load-config.js';

/** The least that must be set. */
export const LEAST = {
  WAL_DATABASE_NAME: 'shop',
  WAL_DATABASE_USER: 'replicator',
  WAL_PUBLISHER_TYPE: 'nats',
  WAL_PUBLISHER_TOPIC: 'shop',
} as const;

export interface World {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Absolute path → content; the working directory is /app. */
  readonly files?: Readonly<Record<string, string>>;
  readonly configPath?: string;
}

/** Loads in a world of its own: no real environment, no real files. */
export function loadIn(world: World): LoadedConfig {
  const files = new Map(Object.entries(world.files ?? {}));
  return loadConfig({
    env: world.env ?? {},
    cwd: '/app',
    configPath: world.configPath,
    readFile(path) {
      const content = files.get(path);
      if (content === undefined) throw Object.assign(new Error(`ENOENT ${path}`), { code: 'ENOENT' });
      return content;
    },
  });
}

/** Like loadIn, on top of the least that must be set. */
export function loadEnv(env: World['env'], files: World['files'] = {}): LoadedConfig {
  return loadIn({ env: { ...LEAST, ...env }, files });
}

/** The error that a world gives; fails when it loads. */
export function errorOf(world: World): ConfigError {
  try {
    loadIn(world);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the configuration loaded');
}

/** The faults that variables on top of the least give. */
export function faultsOf(env: World['env'], files: World['files'] = {}): readonly ConfigFault[] {
  return errorOf({ env: { ...LEAST, ...env }, files }).faults;
}
