import http from 'node:http';
import https from 'node:https';
import type { SentryModuleOptions } from '@ntegral/nestjs-sentry';
import { knownFieldsOnly } from './sentry-event.js';

/** A receiver that does not answer in time is given up on: at most 30 requests are open, later reports would be dropped. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Characters of a message; the client's own limit of 250 cuts off table and LSN. */
const MAX_MESSAGE_LENGTH = 4_000;

export interface DeliveryListener {
  /** The receiver took a report. */
  delivered(): void;
  /** It refused one (`HTTP 403`) or could not be reached (`ECONNREFUSED`). */
  undelivered(reason: string): void;
}

/**
 * Sentry's client without anything that collects on its own: no breadcrumbs, no request bodies, no local variables, no
 * list of modules, no tracing, no sessions.
 */
export function sentryOptions(dsn: string, release: string, listener: DeliveryListener): SentryModuleOptions {
  return {
    dsn,
    release,
    defaultIntegrations: false,
    // In the place of the module's own two, of which one exits before anything is sent and the other prints the error.
    integrations: ['OnUncaughtException', 'OnUnhandledRejection'].map((name) => ({
      name,
      setupOnce: () => undefined,
    })),
    sendDefaultPii: false,
    autoSessionTracking: false,
    sendClientReports: false,
    maxBreadcrumbs: 0,
    maxValueLength: MAX_MESSAGE_LENGTH,
    beforeSend: knownFieldsOnly,
    // The node transport's own option, which the type of all platforms lacks.
    transportOptions: { httpModule: observedHttp(dsn, listener) } as SentryModuleOptions['transportOptions'],
  };
}

/** Requests as Sentry's transport makes them, with a deadline, and their outcome told. */
function observedHttp(dsn: string, listener: DeliveryListener) {
  const { request } = dsn.startsWith('https:') ? https : http;
  return {
    request(options: http.RequestOptions, onResponse: (response: http.IncomingMessage) => void): http.ClientRequest {
      const sent = request({ ...options, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) }, onResponse);
      let isAnswered = false;
      sent.on('response', ({ statusCode = 0 }: http.IncomingMessage) => {
        isAnswered = true;
        if (statusCode < 300) listener.delivered();
        else listener.undelivered(`HTTP ${statusCode}`);
      });
      sent.on('error', (error: NodeJS.ErrnoException) => {
        if (!isAnswered) listener.undelivered(error.code ?? error.name);
      });
      return sent;
    },
  };
}
