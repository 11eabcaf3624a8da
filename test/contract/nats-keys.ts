import { nkeys } from 'nats';

/** A key pair of NATS's own kind (Ed25519), which the client library leaves untyped. */
export interface NatsKeyPair {
  getPublicKey(): string;
  getSeed(): Uint8Array;
  sign(data: Uint8Array): Uint8Array;
}

/** Makes new key pairs. */
export const natsKeys = nkeys as {
  createOperator(): NatsKeyPair;
  createAccount(): NatsKeyPair;
  createUser(): NatsKeyPair;
};
