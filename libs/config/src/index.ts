export type {
  AppConfig,
  DatabaseConfig,
  FilterAction,
  ListenerConfig,
  PublisherConfig,
  PublisherType,
  SslMode,
  TableActions,
} from './app-config.js';
export { ConfigError, formatFault, type ConfigFault } from './config-fault.js';
export { APP_CONFIG, AppConfigModule } from './config.module.js';
export { loadConfig, type LoadedConfig, type LoadOptions } from './load-config.js';
export { redactConfig } from './redact-config.js';
