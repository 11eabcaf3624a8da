import { createHash } from 'node:crypto';
import { natsKeys, type NatsKeyPair } from './nats-keys.js';

/** A server configuration with an operator, one account with JetStream, and the creds file of a user of it. */
export function operatorSetup(): { readonly config: string; readonly creds: string } {
  const operator = natsKeys.createOperator();
  const account = natsKeys.createAccount();
  const system = natsKeys.createAccount();
  const user = natsKeys.createUser();
  const unlimited = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const general = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, conn: -1, leaf: -1, wildcards: true };
  const operatorJwt = jwt(operator, operator, { type: 'operator' });
  const accountJwt = jwt(operator, account, { type: 'account', limits: { ...general, ...unlimited } });
  const systemJwt = jwt(operator, system, { type: 'account', limits: general });
  const userJwt = jwt(account, user, { type: 'user', pub: {}, sub: {}, subs: -1, data: -1, payload: -1 });
  const config = [
    `operator: ${operatorJwt}`,
    'resolver: MEMORY',
    `system_account: ${system.getPublicKey()}`,
    `resolver_preload: { ${account.getPublicKey()}: ${accountJwt}, ${system.getPublicKey()}: ${systemJwt} }`,
  ].join('\n');
  const seed = Buffer.from(user.getSeed()).toString();
  const block = (name: string, text: string) => `-----BEGIN ${name}-----\n${text}\n------END ${name}------\n`;
  return { config, creds: `${block('NATS USER JWT', userJwt)}\n${block('USER NKEY SEED', seed)}` };
}

/** A token as NATS takes it. Format: https://docs.nats.io/running-a-nats-service/nats_admin/security/jwt */
function jwt(issuer: NatsKeyPair, subject: NatsKeyPair, nats: Readonly<Record<string, unknown>>): string {
  const claims = {
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: 'test',
    nats: { ...nats, version: 2 },
  };
  const id = createHash('sha256').update(JSON.stringify(claims)).digest('hex');
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode({ ...claims, jti: id })}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url')}`;
}
