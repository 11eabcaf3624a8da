import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { AppConfig } from './app-config.js';
import { ConfigError, Findings } from './config-fault.js';
import { deepFreeze } from './freeze.js';
import { expandDatabaseUrl } from './input/database-url.js';
import { CONFIG_VARIABLE, readEnvLayer, type Variables } from './input/env-layer.js';
import { readFileLayer } from './input/file-layer.js';
import type { Layer } from './input/layer.js';
import { errorCode, readReason } from './input/read-reason.js';
import { resolveConfig } from './resolve/resolve-config.js';
import { bindConfig } from './schema/bind.js';

export interface LoadOptions {
  /** Path of the file from the command line; it must exist. */
  readonly configPath?: string | undefined;
  readonly env: Variables;
  /** Where `./config.yml` and `.env` are looked for and relative paths begin. */
  readonly cwd: string;
  /** Reads a whole file as UTF-8; throws as node:fs does. */
  readonly readFile?: (absolutePath: string) => string;
}

export interface LoadedConfig {
  /** Complete, valid and frozen. */
  readonly config: AppConfig;
  /** Absolute path of the file that was read, if any. */
  readonly file: string | undefined;
  /** What a person should look at; to be logged at level warn. */
  readonly warnings: readonly string[];
  /** Variables that were passed over; to be logged at level debug. */
  readonly ignored: readonly string[];
}

const DEFAULT_FILE = 'config.yml';

/**
 * Reads the configuration: environment > `.env` > file > default. The file is `configPath`, else `WAL_CONFIG`, else
 * `./config.yml` when it exists.
 * @throws ConfigError (an AppError, code CONFIG_INVALID) that lists every fault
 */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const findings = new Findings();
  const readFile = options.readFile ?? ((path: string) => readFileSync(path, 'utf8'));
  const read = (path: string): string => readFile(resolve(options.cwd, path));
  const dotenv = readDotenv(read, findings);
  const layers = [
    readEnvLayer({ variables: options.env, where: '' }, read, findings),
    readEnvLayer({ variables: dotenv, where: ' (.env)' }, read, findings),
  ];
  const named = options.configPath ?? nonEmpty(options.env[CONFIG_VARIABLE]) ?? nonEmpty(dotenv[CONFIG_VARIABLE]);
  const file = readConfigFile(named, read, findings);
  if (file !== undefined) layers.push(file.layer);
  for (const layer of layers) expandDatabaseUrl(layer, findings);
  const config = resolveConfig(bindConfig(layers, findings), findings);
  if (findings.faults.length > 0) throw new ConfigError(findings.faults);
  return {
    config: deepFreeze(config),
    file: file === undefined ? undefined : resolve(options.cwd, file.path),
    warnings: findings.warnings,
    ignored: findings.ignored,
  };
}

function readDotenv(read: (path: string) => string, findings: Findings): Variables {
  try {
    return parseEnv(read('.env'));
  } catch (error) {
    // Virtual environments of other languages are directories of this name.
    if (!['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error) ?? '')) findings.fault(unreadable('.env', error));
    return {};
  }
}

interface ConfigFile {
  readonly path: string;
  readonly layer: Layer;
}

function readConfigFile(
  named: string | undefined,
  read: (path: string) => string,
  findings: Findings,
): ConfigFile | undefined {
  const path = named ?? DEFAULT_FILE;
  let text: string;
  try {
    text = read(path);
  } catch (error) {
    if (named !== undefined || errorCode(error) !== 'ENOENT') findings.fault(unreadable(path, error));
    return undefined;
  }
  return { path, layer: readFileLayer(text, path, findings) };
}

function unreadable(path: string, error: unknown) {
  return { kind: 'unreadable', path, source: undefined, found: undefined, accepted: readReason(error) } as const;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
