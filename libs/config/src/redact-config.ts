import type { AppConfig } from './app-config.js';
import { maskUserInfo } from './mask-user-info.js';
import { OPTIONS } from './schema/option-index.js';

const SECRET_PATHS = new Set(OPTIONS.filter((option) => option.meta.secret === true).map((option) => option.path));
const ADDRESS_PATH = 'publisher.addresses';
const MASK = '***';

/** A copy of the configuration fit for printing: maps as objects, secrets and passwords in addresses as `***`. */
export function redactConfig(config: AppConfig): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, redact(value, key)]));
}

function redact(value: unknown, path: string): unknown {
  if (SECRET_PATHS.has(path)) return value === undefined || value === '' ? value : MASK;
  if (typeof value === 'string') return path === ADDRESS_PATH ? maskUserInfo(value) : value;
  if (Array.isArray(value)) return value.map((item: unknown) => redact(item, path));
  if (value instanceof Map) return Object.fromEntries(value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redact(item, `${path}.${key}`)]));
}
