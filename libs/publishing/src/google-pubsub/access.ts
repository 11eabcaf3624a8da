import type { PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';
import { credentialFile } from '../credential-file.js';
import { googleAuthLibrary, grpc } from 'google-gax';
import type { Endpoint } from './endpoint.js';

const SCOPES = ['https://www.googleapis.com/auth/pubsub'];
const CREDENTIALS_KEY = 'publisher.pubsub.credentialsFile';

/**
 * The channel's credentials for an endpoint: none and plain text for the emulator; TLS, verified, for everything else,
 * with a bearer token. Files are read anew each time, so that rotated ones are taken at the next connection.
 *
 * @throws AppError BROKER_CONFIG naming the file that cannot be used, BROKER_AUTH when there are no credentials
 */
export async function channelCredentials(
  publisher: PublisherConfig,
  endpoint: Endpoint,
): Promise<grpc.ChannelCredentials> {
  if (!endpoint.tls) return grpc.credentials.createInsecure();
  const { caCert, clientCert, clientKey } = publisher.tls;
  const [ca, cert, key] = await Promise.all([
    pem('publisher.caCert', caCert),
    pem('publisher.clientCert', clientCert),
    pem('publisher.clientKey', clientKey),
  ]);
  const channel = createSsl(ca, key, cert);
  const source = await tokenSource(publisher, endpoint);
  return source === undefined ? channel : grpc.credentials.combineChannelCredentials(channel, bearerToken(source));
}

/** Said, or NODE_TLS_REJECT_UNAUTHORIZED would decide. */
const VERIFIED = { rejectUnauthorized: true };

function createSsl(ca: Buffer | null, key: Buffer | null, cert: Buffer | null): grpc.ChannelCredentials {
  try {
    return grpc.credentials.createSsl(ca, key, cert, VERIFIED);
  } catch (error) {
    throw new AppError(
      'BROKER_CONFIG',
      `the certificates of publisher.caCert, clientCert or clientKey: ${text(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** Undefined: the endpoint is not Google's, and nobody named credentials for it. */
async function tokenSource(
  publisher: PublisherConfig,
  endpoint: Endpoint,
): Promise<googleAuthLibrary.AuthClient | undefined> {
  const path = publisher.pubsub.credentialsFile;
  if (path !== undefined) return fileSource(path);
  const isNamed = (process.env['GOOGLE_APPLICATION_CREDENTIALS'] ?? '') !== '';
  if (!endpoint.isGoogle && !isNamed) return undefined;
  try {
    return await googleAuth({ scopes: SCOPES }).getClient();
  } catch (error) {
    throw new AppError('BROKER_AUTH', `no application default credentials: ${text(error)}`, {
      cause: error,
      remedy: `Set ${CREDENTIALS_KEY}, or run where Google's default credentials are found (a service account of GKE or GCE).`,
    });
  }
}

async function fileSource(path: string): Promise<googleAuthLibrary.AuthClient> {
  const content = await credentialFile(CREDENTIALS_KEY, path);
  try {
    const credentials = JSON.parse(content.toString('utf8')) as googleAuthLibrary.JWTInput;
    // The warning is about files of strangers; this one was named by who runs the service.
    // oxlint-disable-next-line typescript/no-deprecated
    const client = await googleAuth({ credentials, scopes: SCOPES }).getClient();
    if (client instanceof googleAuthLibrary.JWT) checkServiceAccount(client);
    return client;
  } catch (error) {
    // What the parser says would repeat a part of the file.
    const reason = error instanceof SyntaxError ? 'it is no JSON' : text(error);
    throw new AppError('BROKER_CONFIG', `${CREDENTIALS_KEY} ${path} cannot be used: ${reason}`, { cause: error });
  }
}

/** A service account signs its tokens itself, as with all of Google's clients for gRPC: no other server is asked. */
function googleAuth(options: googleAuthLibrary.GoogleAuthOptions): googleAuthLibrary.GoogleAuth {
  const auth = new googleAuthLibrary.GoogleAuth(options);
  auth.useJWTAccessWithScope = true;
  auth.defaultServicePath = 'pubsub.googleapis.com';
  return auth;
}

function checkServiceAccount(client: googleAuthLibrary.JWT): void {
  if ((client.email ?? '') === '' || (client.key ?? '') === '') throw new Error('it holds no service account');
}

/** Puts the token on each call. What goes wrong is told apart by the error's cause. */
function bearerToken(source: googleAuthLibrary.AuthClient): grpc.CallCredentials {
  return grpc.credentials.createFromMetadataGenerator(({ service_url }, callback) => {
    void tokenMetadata(source, service_url, callback);
  });
}

async function tokenMetadata(
  source: googleAuthLibrary.AuthClient,
  url: string,
  done: (error: Error | null, metadata?: grpc.Metadata) => void,
): Promise<void> {
  const metadata = new grpc.Metadata();
  try {
    const headers = await source.getRequestHeaders(url);
    headers.forEach((value, name) => metadata.set(name, value));
  } catch (error) {
    done(tokenError(error));
    return;
  }
  done(null, metadata);
}

/**
 * The token's endpoint may be out of reach for a while, which is no reason to give up; when it refuses, it is. gRPC
 * passes the code on, and the message.
 */
function tokenError(error: unknown): Error {
  const status = statusOf(error);
  const refused = status === 400 || status === 401 || status === 403 || isKeyError(error);
  const code = refused ? grpc.status.UNAUTHENTICATED : grpc.status.UNAVAILABLE;
  return Object.assign(new Error(`no access token: ${text(error)}`), { code });
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('response' in error)) return undefined;
  const { response } = error;
  return response instanceof Object && 'status' in response ? Number(response.status) : undefined;
}

/** The private key cannot sign. */
function isKeyError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_OSSL');
}

async function pem(key: string, path: string | undefined): Promise<Buffer | null> {
  return path === undefined ? null : credentialFile(key, path);
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
