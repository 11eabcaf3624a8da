import type { RequestListener } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { loadConfig, secretValues, type AppConfig, type LoadedConfig } from '#lib/config';
import { deferred, toAppError, type AppError, type ErrorReporter, type Logger } from '#lib/kernel';
import { createErrorReporter, createLogger, NestLogger } from '#lib/observability';
import { PipelineHost } from '#lib/pipeline';
import { AppModule } from '../app.module.js';
import { buildInfo } from '../build-info.js';
import type { HeapSnapshots } from '../heap-snapshots.js';
import { closeAll, listenOn, type ListenAddress } from '../http-ports.js';
import type { StopSignals } from '../stop-signals.js';

const EXIT_FATAL = 1;
const EXIT_CONFIG = 2;
/** How long the end may wait for reports to arrive. */
const REPORT_FLUSH_MS = 2_000;

/**
 * Runs the service until a signal stops it (0), something fatal happens (1), or what is configured cannot be (2).
 * What fails once the configuration is known is logged and reported here.
 * @throws AppError CONFIG_INVALID
 */
export async function run(
  configPath: string | undefined,
  signals: StopSignals,
  snapshots: HeapSnapshots,
): Promise<number> {
  const loaded = loadConfig({ configPath, env: process.env, cwd: process.cwd() });
  const { config, file } = loaded;
  const fd = config.publisher.type === 'stdout' ? 2 : 1;
  const logger = createLogger({ ...config.logger, fd, secrets: secretValues(config) });
  for (const line of loaded.ignored) logger.debug(line);
  for (const line of loaded.warnings) logger.warn(line);
  logger.info('starting', {
    ...buildInfo(),
    slot: config.listener.slotName,
    publisher: config.publisher.type,
    file,
  });
  snapshots.configure(config.heapSnapshotDir, logger);
  if (signals.received !== undefined) return 0;
  const unhandled = firstUnhandled();
  const reporter = await createErrorReporter(config, buildInfo().version, logger);
  const error = await Promise.race([serve(loaded, logger, reporter, signals, unhandled), unhandled]).catch(toAppError);
  if (error !== undefined) {
    logFatal(error, logger);
    reporter.report(error, 'fatal');
  }
  await reporter.flush(REPORT_FLUSH_MS);
  if (error === undefined) return 0;
  return error.code === 'CONFIG_INVALID' ? EXIT_CONFIG : EXIT_FATAL;
}

/** @throws what keeps the service from being put together or its ports from being opened */
async function serve(
  loaded: LoadedConfig,
  logger: Logger,
  reporter: ErrorReporter,
  signals: StopSignals,
  unhandled: Promise<AppError>,
): Promise<AppError | undefined> {
  const app = await NestFactory.create(AppModule.register(loaded, logger, reporter), {
    abortOnError: false,
    logger: new NestLogger(logger),
    bodyParser: false,
  });
  await app.init();
  const host = app.get(PipelineHost);
  void unhandled.then(() => host.abandon());
  const express = app.getHttpAdapter().getInstance() as RequestListener & { disable(setting: string): void };
  // Nobody needs to know what answers, and a probe's answer is never an old one.
  for (const setting of ['x-powered-by', 'etag']) express.disable(setting);
  const servers = await listenOn(express, addressesOf(loaded.config));
  void signals.requested.then((signal) => {
    logger.info('stopping', { signal });
    return app.close();
  });
  const error = await host.finished;
  await app.close();
  closeAll(servers);
  return error;
}

function addressesOf({ listener, monitoring }: AppConfig): ListenAddress[] {
  const addresses: ListenAddress[] = [];
  if (listener.serverPort !== undefined) {
    addresses.push({
      key: 'listener.serverPort',
      host: undefined,
      port: listener.serverPort,
      paths: ['/healthz', '/ready'],
    });
  }
  if (monitoring.promAddr !== undefined)
    addresses.push({ key: 'monitoring.promAddr', ...monitoring.promAddr, paths: ['/metrics'] });
  return addresses;
}

/**
 * Resolves with the first error that nobody handled. It is a defect: the process cannot know what state it is in, so it
 * ends, loudly, and confirms nothing more; the slot keeps what is not confirmed.
 */
function firstUnhandled(): Promise<AppError> {
  const first = deferred<AppError>();
  const fail = (thrown: unknown) => first.resolve(toAppError(thrown));
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  return first.promise;
}

function logFatal(error: AppError, logger: Logger): void {
  const { code, facts, remedy } = error;
  logger.error(error.message, { code, ...facts, remedy, stack: code === 'INTERNAL' ? whereThrown(error) : undefined });
}

/** The lines of a defect's stack, without the message above them. */
function whereThrown({ cause }: AppError): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  const lines = (cause.stack ?? '').split('\n');
  return lines.filter((line) => /^\s+at /.test(line)).join('\n');
}
