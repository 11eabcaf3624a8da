import { isIPv6 } from 'node:net';
import type { DatabaseConfig, SslMode } from '../app-config.js';
import type { Findings } from '../config-fault.js';
import type { BoundConfig } from '../schema/bind.js';
import { requireName, requirePair } from './require-option.js';

/** Combines the keys of `database`. The result means something only when no fault was reported. */
export function resolveDatabase(bound: BoundConfig, findings: Findings): DatabaseConfig {
  const { database } = bound.schema;
  requireName(bound, findings, 'database.name');
  requireName(bound, findings, 'database.user');
  const hosts = database.host.map((host) => host.replace(/^\[(.*)\]$/, '$1'));
  if (hosts.some((host) => host.includes(':') && !isIPv6(host))) {
    bound.refuse('database.host', 'host names without a port; the port of all hosts is database.port');
  }
  requirePair(bound, findings, 'database.clientCert', 'database.clientKey');
  const { caCert, clientCert, clientKey } = database;
  const mode = resolveSslMode(bound, findings);
  return {
    hosts,
    port: database.port,
    name: database.name ?? '',
    user: database.user ?? '',
    password: database.password,
    ssl: { mode, caCert, clientCert, clientKey, serverName: database.ssl.serverName },
    debug: database.debug,
  };
}

/** Keys that only mean something with TLS: setting one turns it on. */
const TLS_KEYS = [
  'database.sslMode',
  'database.caCert',
  'database.clientCert',
  'database.ssl.serverName',
  'database.ssl.skipVerify',
] as const;

function resolveSslMode(bound: BoundConfig, findings: Findings): SslMode {
  const { enableTLS, sslMode, caCert, ssl } = bound.schema.database;
  const set = TLS_KEYS.filter((key) => bound.isSet(key));
  if (enableTLS === false) {
    if (set.length > 0 && sslMode !== 'disable') {
      findings.warn(`database.enableTLS is false: the connection is not encrypted; without effect: ${set.join(', ')}`);
    }
    return 'disable';
  }
  if (sslMode === 'disable') {
    if (enableTLS === true) bound.refuse('database.sslMode', 'not disable while database.enableTLS is true');
    return 'disable';
  }
  if (enableTLS === undefined && set.length === 0) return 'disable';
  if (ssl.skipVerify === true) {
    if (sslMode !== undefined && sslMode !== 'require') {
      bound.refuse('database.ssl.skipVerify', `not true while database.sslMode is ${sslMode}`);
    }
    findings.warn('database.ssl.skipVerify is true: any server is trusted; set it to false to verify the server');
    return 'require';
  }
  const verifies =
    caCert !== undefined || bound.isSet('database.ssl.serverName') || bound.isSet('database.ssl.skipVerify');
  const mode = sslMode ?? (verifies ? 'verify-full' : 'require');
  if (mode === 'require') {
    const cure = 'set it to verify-full (with database.caCert for a private authority) to verify the server';
    findings.warn(`database.sslMode is require: encrypted, but any server is trusted; ${cure}`);
  }
  return mode;
}
