import type { AppConfig } from './app-config.js';
import { userInfoOf } from './mask-user-info.js';
import { OPTIONS } from './schema/option-index.js';

const SECRET_PATHS = OPTIONS.filter((option) => option.meta.secret === true).map((option) => option.path);

/**
 * The texts of this configuration that must never be printed: the values of secret options, and what user information
 * in addresses holds, as written and decoded. A value that is no secret elsewhere in the configuration (a password that
 * equals the user's name) is left out: masking it would take the name out of every line, and tell what the password is.
 */
export function secretValues(config: AppConfig): readonly string[] {
  const { database, listener, monitoring, publisher } = config;
  const values = new Set<string>();
  for (const path of SECRET_PATHS) {
    const value = valueAt(config, path);
    if (typeof value === 'string') values.add(value);
  }
  for (const address of publisher.addresses) addUserInfo(values, address, true);
  // The key before the colon is public by Sentry's definition, and may be an ordinary word.
  if (monitoring.sentryDSN !== undefined) addUserInfo(values, monitoring.sentryDSN, false);
  const known = [database.name, database.user, publisher.username, publisher.topic, publisher.type, listener.slotName];
  for (const open of ['', ...known, ...database.hosts, ...listener.publication]) {
    if (open !== undefined) values.delete(open);
  }
  return [...values];
}

/** `user:password@`; a lone user is a token to some brokers. */
function addUserInfo(values: Set<string>, address: string, loneUserIsSecret: boolean): void {
  const info = userInfoOf(address);
  if (info === undefined) return;
  const colon = info.indexOf(':');
  if (colon === -1 && !loneUserIsSecret) return;
  const secret = info.slice(colon + 1);
  values.add(secret);
  try {
    values.add(decodeURIComponent(secret));
  } catch {
    // Not percent-encoded.
  }
}

function valueAt(config: AppConfig, path: string): unknown {
  let value: unknown = config;
  for (const segment of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, segment);
  }
  return value;
}
