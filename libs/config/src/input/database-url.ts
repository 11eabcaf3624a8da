import type { Findings } from '../config-fault.js';
import { optionAt } from '../schema/option-index.js';
import type { Assignment, Layer } from './layer.js';

const URL_PATH = 'database.url';
const URL_SHAPE = /^postgres(?:ql)?:\/\/([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s;
const HOST_SHAPE = /^(\[[0-9a-f:.%]+\]|[^:[\]]*)(?::(\d*))?$/i;

/** URL parameters that set a key. */
const PARAMETERS = new Map([
  ['sslmode', 'database.sslMode'],
  ['sslrootcert', 'database.caCert'],
  ['sslcert', 'database.clientCert'],
  ['sslkey', 'database.clientKey'],
  ['host', 'database.host'],
  ['port', 'database.port'],
  ['dbname', 'database.name'],
  ['user', 'database.user'],
  ['password', 'database.password'],
]);

/** Parameters of libpq that mean nothing here: named in a warning, not refused. */
const WITHOUT_EFFECT = new Set([
  'application_name',
  'channel_binding',
  'client_encoding',
  'connect_timeout',
  'fallback_application_name',
  'gssencmode',
  'keepalives',
  'keepalives_idle',
  'keepalives_interval',
  'target_session_attrs',
  'tcp_user_timeout',
]);

/**
 * Spreads a layer's `database.url` over the keys that the layer does not set itself.
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function expandDatabaseUrl(layer: Layer, findings: Findings): void {
  const url = layer.get(URL_PATH);
  if (url === undefined) return;
  try {
    const parts = url.node.kind === 'scalar' ? parseDatabaseUrl(url.node.text.trim()) : undefined;
    if (parts === undefined) throw new UrlFault('postgres://user:password@host:port/name?sslmode=…');
    for (const [path, text] of parts.values) setPart(layer, path, text, url);
    for (const name of parts.withoutEffect) {
      findings.warn(`the parameter ${name} of ${URL_PATH} (${url.node.origin}) has no effect`);
    }
  } catch (error) {
    if (!(error instanceof UrlFault)) throw error;
    findings.fault({
      kind: 'invalid',
      path: URL_PATH,
      source: url.node.origin,
      found: 'a text (not shown)',
      accepted: error.message,
    });
  }
}

/** Says what is accepted; never quotes the URL. */
class UrlFault extends Error {}

function setPart(layer: Layer, path: string, text: string, url: Assignment): void {
  if (text === '' || layer.has(path)) return;
  layer.set(path, { option: optionAt(path), node: { kind: 'scalar', text, origin: url.node.origin } });
}

interface UrlParts {
  readonly values: ReadonlyMap<string, string>;
  readonly withoutEffect: readonly string[];
}

function parseDatabaseUrl(url: string): UrlParts | undefined {
  const match = URL_SHAPE.exec(url);
  if (match === null) return undefined;
  const [, authority = '', name = '', query = ''] = match;
  // What follows would be taken for the database's name, and shown.
  if (!authority.includes('@') && name.includes('@')) {
    throw new UrlFault('/ in a password is `%2F`, and @ in a name is `%40`');
  }
  const values = new Map<string, string>();
  const at = authority.lastIndexOf('@');
  const [user = '', ...password] = at < 0 ? [] : authority.slice(0, at).split(':');
  values.set('database.user', decode(user));
  values.set('database.password', decode(password.join(':')));
  const { hosts, port } = parseHosts(authority.slice(at + 1));
  values.set('database.host', hosts);
  values.set('database.port', port);
  values.set('database.name', decode(name));
  const withoutEffect = parseParameters(query, values);
  const mode = values.get('database.sslMode');
  if (mode !== undefined) values.set('database.enableTLS', mode.toLowerCase() === 'disable' ? 'false' : 'true');
  return { values, withoutEffect };
}

function parseHosts(text: string): { readonly hosts: string; readonly port: string } {
  const hosts: string[] = [];
  const ports = new Set<string>();
  for (const part of text.split(',')) {
    const match = HOST_SHAPE.exec(part);
    if (match === null) throw new UrlFault('a host is `name`, `name:port` or `[ipv6]:port`; @ in a password is `%40`');
    const [, host = '', port = ''] = match;
    if (host !== '') hosts.push(decode(host));
    ports.add(port === '' ? '5432' : port);
  }
  if (ports.size > 1) throw new UrlFault('the same port for every host');
  const [port = ''] = ports;
  return { hosts: hosts.join(','), port: /:\d/.test(text.replaceAll(/\[[^\]]*\]/g, '')) ? port : '' };
}

function parseParameters(query: string, values: Map<string, string>): readonly string[] {
  const withoutEffect: string[] = [];
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const path = PARAMETERS.get(name);
    if (path !== undefined && equals >= 0) values.set(path, decode(pair.slice(equals + 1)));
    else if (WITHOUT_EFFECT.has(name)) withoutEffect.push(name);
    else throw new UrlFault(`the parameters ${[...PARAMETERS.keys()].join(', ')}`);
  }
  return withoutEffect;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UrlFault('percent-encoding of two hexadecimal digits; a % itself is `%25`');
  }
}
