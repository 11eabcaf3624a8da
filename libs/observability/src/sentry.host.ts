import { NestFactory } from '@nestjs/core';
import { SentryModule, SentryService } from '@ntegral/nestjs-sentry';
import { defaultStackParser } from '@sentry/node';
import type { ErrorReporter, Logger } from '#lib/kernel';
import { NestLogger } from './nest-logger.js';
import type { Redact } from './redactor.js';
import type { ReportContext } from './sentry-event.js';
import { type DeliveryListener, sentryOptions } from './sentry-options.js';
import { SentryErrorReporter } from './sentry-reporter.js';

/**
 * Sentry in an application context of its own: it is there before the service is put together and after it is closed,
 * so that failures of both are reported.
 */
export async function startSentry(
  dsn: string,
  release: string,
  context: ReportContext,
  redact: Redact,
  logger: Logger,
): Promise<ErrorReporter> {
  const useFactory = () => sentryOptions(dsn, release, deliveryLog(logger));
  const host = await NestFactory.createApplicationContext(SentryModule.forRootAsync({ imports: [], useFactory }), {
    abortOnError: false,
    logger: new NestLogger(logger),
  });
  // Not as a logger, which would send every line.
  const sentry = host.get(SentryService, { strict: false }).instance();
  return new SentryErrorReporter(
    {
      captureEvent: (event) => sentry.captureEvent(event),
      flush: async (timeoutMs) => sentry.flush(timeoutMs),
    },
    context,
    { redact, parseStack: (stack) => defaultStackParser(stack) },
  );
}

/** One line when reports stop arriving, one when they arrive again. */
function deliveryLog(logger: Logger): DeliveryListener {
  let isDown = false;
  return {
    delivered() {
      if (isDown) logger.info('error reports reach Sentry again');
      isDown = false;
    },
    undelivered(reason) {
      if (!isDown) logger.warn('an error report did not reach Sentry', { reason });
      isDown = true;
    },
  };
}
