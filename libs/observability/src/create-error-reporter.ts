import { secretValues, type AppConfig } from '#lib/config';
import { noReports, type ErrorReporter, type Logger } from '#lib/kernel';
import { createRedactor } from './redactor.js';

/**
 * Where the service's failures are reported: to Sentry when monitoring.sentryDSN is set, else nowhere, and nothing of
 * Sentry is loaded. Never rejects: without reports the service runs on.
 * @param version of wal-listener, for the release
 */
export async function createErrorReporter(config: AppConfig, version: string, logger: Logger): Promise<ErrorReporter> {
  const dsn = config.monitoring.sentryDSN;
  if (dsn === undefined || dsn === '') return noReports;
  const context = { slot: config.listener.slotName, publisher: config.publisher.type };
  try {
    const { startSentry } = await import('./sentry.host.js');
    return await startSentry(dsn, `wal-listener@${version}`, context, createRedactor(secretValues(config)), logger);
  } catch (error) {
    logger.error('Sentry could not be started; errors are logged only', { error });
    return noReports;
  }
}
