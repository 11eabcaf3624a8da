import { AppError } from '#lib/kernel';
import type { RabbitLink } from './rabbit-link.js';

/** Does something with a link that is cut when the signal aborts meanwhile, or when it fails. */
export async function abortable(link: RabbitLink, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  const cut = () => link.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    if (signal.aborted) throw new AppError('BROKER_UNREACHABLE', 'connecting was aborted');
    await work();
    if (!link.isAlive) throw new AppError('BROKER_UNREACHABLE', 'the connection to RabbitMQ was lost');
  } catch (error) {
    cut();
    throw error;
  } finally {
    signal.removeEventListener('abort', cut);
  }
}
