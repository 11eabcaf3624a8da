import type { RequestListener } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { loadConfig, type AppConfig, type LoadedConfig } from '#lib/config';
import { AppError, toAppError, type Logger } from '#lib/kernel';
import { createLogger, NestLogger } from '#lib/observability';
import { PipelineHost } from '#lib/pipeline';
import { AppModule } from '../app.module.js';
import { buildInfo } from '../build-info.js';
import type { HeapSnapshots } from '../heap-snapshots.js';
import { closeAll, listenOn, type ListenAddress } from '../http-ports.js';
import type { StopSignals } from '../stop-signals.js';

/**
 * Runs the service until a signal stops it (0) or something fatal happens (1).
 * @throws AppError CONFIG_INVALID
 */
export async function run(
  configPath: string | undefined,
  signals: StopSignals,
  snapshots: HeapSnapshots,
): Promise<number> {
  const loaded = loadConfig({ configPath, env: process.env, cwd: process.cwd() });
  const { config, file } = loaded;
  const logger = createLogger({ ...config.logger, fd: config.publisher.type === 'stdout' ? 2 : 1 });
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
  const error = await serve(loaded, logger, signals);
  if (error === undefined) return 0;
  const stack = error.code === 'INTERNAL' ? (error.cause as Error | undefined)?.stack : undefined;
  logger.error(error.message, { code: error.code, ...error.facts, remedy: error.remedy, stack });
  return 1;
}

async function serve(loaded: LoadedConfig, logger: Logger, signals: StopSignals): Promise<AppError | undefined> {
  const app = await NestFactory.create(AppModule.register(loaded, logger), {
    abortOnError: false,
    logger: new NestLogger(logger),
  });
  await app.init();
  const host = app.get(PipelineHost);
  const servers = await listenOn(app.getHttpAdapter().getInstance() as RequestListener, addressesOf(loaded.config));
  const broken = failOnUnhandled(logger);
  void signals.requested.then((signal) => {
    logger.info('stopping', { signal });
    return app.close();
  });
  const error = await Promise.race([host.finished, broken]);
  await app.close();
  closeAll(servers);
  return error;
}

function addressesOf({ listener, monitoring }: AppConfig): ListenAddress[] {
  const addresses: ListenAddress[] = [];
  if (listener.serverPort !== undefined) addresses.push({ host: undefined, port: listener.serverPort });
  if (monitoring.promAddr !== undefined) addresses.push(monitoring.promAddr);
  return addresses;
}

/** An error nobody handled is a defect: the process cannot know what state it is in, so it ends, loudly. */
function failOnUnhandled(logger: Logger): Promise<AppError> {
  return new Promise((resolve) => {
    const fail = (thrown: unknown) => {
      const error = toAppError(thrown);
      logger.error('unhandled error', { error: error.message });
      resolve(new AppError('INTERNAL', error.message, { cause: thrown }));
    };
    process.on('uncaughtException', fail);
    process.on('unhandledRejection', fail);
  });
}
