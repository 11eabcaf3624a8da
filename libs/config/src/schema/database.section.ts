import { ArrayNotEmpty, Max, Min } from 'class-validator';
import { textList } from '../kinds/collection-kinds.js';
import { filePath, flag, oneOf, text, wholeNumber } from '../kinds/scalar-kinds.js';
import { accepts, Option, Section } from './option.js';

const PORT = accepts('a port from 1 to 65535');

export class DatabaseSslSection {
  @Option(text, {
    description: "Name that the server's certificate must carry, when it is not the host's.",
    defaultText: 'the host',
    example: 'db.example.com',
  })
  serverName: string | undefined = undefined;

  @Option(flag, {
    description: '`true` encrypts without looking at the certificate (as `sslMode: require`); warns at start.',
    defaultText: '`false`',
  })
  skipVerify: boolean | undefined = undefined;
}

export class DatabaseSection {
  @Option(text, {
    description:
      'All of it as one URL: `postgres://user:password@host:port/name?sslmode=verify-full`. Single keys win over its ' +
      'parts when both come from the same place (environment or file). Special characters are percent-encoded.',
    secret: true,
    defaultText: '–',
    example: 'postgres://replicator:secret@db.example.com:5432/shop',
  })
  url: string | undefined = undefined;

  @ArrayNotEmpty(accepts('a host name, or several separated by commas'))
  @Option(textList(), {
    description:
      'Host name, IP address or directory of a Unix socket. Several, separated by commas, are tried in order until one ' +
      'is read-write.',
  })
  host: readonly string[] = ['localhost'];

  @Min(1, PORT)
  @Max(65_535, PORT)
  @Option(wholeNumber, { description: 'Port of PostgreSQL, the same on every host.' })
  port: number = 5432;

  @Option(text, { description: 'Name of the database.', required: 'always', example: 'shop' })
  name: string | undefined = undefined;

  @Option(text, {
    description: 'User; needs the attribute REPLICATION and SELECT on the catalogs.',
    required: 'always',
    example: 'replicator',
  })
  user: string | undefined = undefined;

  @Option(text, {
    description: 'Password; may be empty.',
    secret: true,
    defaultText: 'empty',
    envAliases: ['WAL_LISTENER_DB_PASSWORD'],
  })
  password: string = '';

  @Option(flag, {
    description:
      'Encrypts the connection. Setting `sslMode`, `caCert`, `clientCert` or `ssl` implies it, unless this is `false`.',
    defaultText: '`false`',
  })
  enableTLS: boolean | undefined = undefined;

  @Option(oneOf(['disable', 'require', 'verify-ca', 'verify-full']), {
    description:
      '`require` encrypts but trusts any server (warns at start), `verify-ca` checks who signed the certificate, ' +
      '`verify-full` also its name. With `caCert` or `ssl` the default is `verify-full`.',
    defaultText: '`require` when TLS is on',
  })
  sslMode: 'disable' | 'require' | 'verify-ca' | 'verify-full' | undefined = undefined;

  @Option(filePath, {
    description: 'PEM file with the certificate authorities to trust.',
    defaultText: "the system's",
    example: '/etc/ssl/db-ca.pem',
  })
  caCert: string | undefined = undefined;

  @Option(filePath, {
    description: 'PEM file with the client certificate; goes with `clientKey`.',
    defaultText: '–',
    example: '/etc/ssl/client.pem',
  })
  clientCert: string | undefined = undefined;

  @Option(filePath, {
    description: 'PEM file with the key of the client certificate.',
    defaultText: '–',
    example: '/etc/ssl/client.key',
  })
  clientKey: string | undefined = undefined;

  @Section('TLS in the other spelling; setting any of it turns TLS on, with `verify-full`.')
  ssl: DatabaseSslSection = new DatabaseSslSection();

  @Option(flag, { description: 'Logs SQL statements at level debug.' })
  debug: boolean = false;
}
