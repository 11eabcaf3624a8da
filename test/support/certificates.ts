import { createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate authority of the tests' own (EC P-256, valid for a day). */
export interface TestCa {
  /** Path of the CA's certificate, PEM. */
  readonly certFile: string;
  /**
   * Issues a certificate for localhost and 127.0.0.1 (or `names`) that servers and clients may use, valid for two
   * days.
   * @param until its end, in milliseconds since 1970; default: tomorrow
   */
  issue(
    name: string,
    names?: readonly string[],
    until?: number,
  ): { readonly certFile: string; readonly keyFile: string };
}

/** Makes an authority and writes its files below `dir`. */
export function createTestCa(dir: string, name = 'test-ca'): TestCa {
  mkdirSync(dir, { recursive: true });
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certFile = join(dir, `${name}.pem`);
  writeFileSync(certFile, certificate({ subject: name, issuer: name, key: keys.publicKey, signer: keys.privateKey }));
  return {
    certFile,
    issue(subject, names = ['localhost', '127.0.0.1'], until) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const files = { certFile: join(dir, `${subject}.pem`), keyFile: join(dir, `${subject}.key`) };
      const options = { subject, issuer: name, key: own.publicKey, signer: keys.privateKey, names, until };
      writeFileSync(files.certFile, certificate(options));
      writeFileSync(files.keyFile, own.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
      return files;
    },
  };
}

interface CertificateOptions {
  readonly subject: string;
  readonly issuer: string;
  readonly key: KeyObject;
  readonly signer: KeyObject;
  /** Absent = a certificate authority. */
  readonly names?: readonly string[];
  readonly until?: number | undefined;
}

const ECDSA_WITH_SHA256 = '300a06082a8648ce3d040302';
const DAY_MS = 86_400_000;

/** A certificate in PEM. Format: RFC 5280, section 4.1. */
function certificate(options: CertificateOptions): string {
  const { subject, issuer, key, signer, names, until = Date.now() + DAY_MS } = options;
  const algorithm = Buffer.from(ECDSA_WITH_SHA256, 'hex');
  const toBeSigned = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguishedName(issuer),
    sequence(time(until - 2 * DAY_MS), time(until)),
    distinguishedName(subject),
    key.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...(names === undefined ? caExtensions() : leafExtensions(names)))),
  );
  const signature = createSign('SHA256').update(toBeSigned).sign(signer);
  const der = sequence(toBeSigned, algorithm, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function caExtensions(): readonly Buffer[] {
  // basicConstraints: critical, CA
  return [extension('0603551d13', sequence(Buffer.from('0101ff', 'hex')), true)];
}

function leafExtensions(names: readonly string[]): readonly Buffer[] {
  const general = names.map((name) =>
    /^[\d.]+$/.test(name) ? tagged(0x87, Buffer.from(name.split('.').map(Number))) : tagged(0x82, Buffer.from(name)),
  );
  // extKeyUsage: serverAuth, clientAuth
  const usage = sequence(Buffer.from('06082b06010505070301', 'hex'), Buffer.from('06082b06010505070302', 'hex'));
  return [extension('0603551d11', sequence(...general)), extension('0603551d25', usage)];
}

function extension(oid: string, value: Buffer, critical = false): Buffer {
  const flag = critical ? [Buffer.from('0101ff', 'hex')] : [];
  return sequence(Buffer.from(oid, 'hex'), ...flag, tagged(0x04, value));
}

function distinguishedName(commonName: string): Buffer {
  const value = sequence(Buffer.from('0603550403', 'hex'), tagged(0x0c, Buffer.from(commonName)));
  return sequence(tagged(0x31, value));
}

function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return tagged(0x17, Buffer.from(text.slice(2)));
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

/** Tag, length, value (DER). */
function tagged(tag: number, value: Buffer): Buffer {
  const length =
    value.length < 0x80
      ? [value.length]
      : value.length < 0x100
        ? [0x81, value.length]
        : [0x82, value.length >> 8, value.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), value]);
}
