import type { PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';
import type { BrokerFinding } from '../publisher.js';
import type { LinkPool } from './link-pool.js';
import { StreamReader } from './stream-facts.js';
import { findStream, weaknesses } from './stream-setup.js';

const STREAM_REMEDY = 'Change the stream (nats stream edit), or accept it knowingly.';

/**
 * What stands in the way of publishing, or weakens acknowledgements; creates and changes nothing.
 * @throws AppError when NATS cannot be asked
 */
export async function checkNats(
  pool: LinkPool,
  publisher: PublisherConfig,
  signal: AbortSignal,
): Promise<readonly BrokerFinding[]> {
  const link = await pool.open({ reply: () => undefined, lost: () => undefined }, signal);
  try {
    const info = await findStream(new StreamReader(link), publisher);
    if (info === undefined) return [];
    return weaknesses(info).map((message) => ({
      severity: 'warning' as const,
      code: 'BROKER_CONFIG' as const,
      message,
      remedy: STREAM_REMEDY,
    }));
  } catch (error) {
    if (!(error instanceof AppError) || error.retriable) throw error;
    return [{ severity: 'error', code: error.code, message: error.message, remedy: error.remedy }];
  } finally {
    await link.close();
  }
}
