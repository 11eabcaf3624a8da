import { readFile } from 'node:fs/promises';
import { AppError } from '#lib/kernel';

/**
 * Reads a certificate or credential file; to be done at each connection, so that rotated files are taken over.
 * @param key the configuration key that names it
 * @throws AppError BROKER_CONFIG naming key and path
 */
export async function credentialFile(key: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError('BROKER_CONFIG', `${key} cannot be read: ${reason}`, { cause: error });
  }
}

/** The same for a PEM file, as text. @throws AppError BROKER_CONFIG naming key and path */
export async function pemFile(key: string, path: string): Promise<string> {
  return (await credentialFile(key, path)).toString('utf8');
}
