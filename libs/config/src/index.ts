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
export { APP_CONFIG } from './config.token.js';
export { loadConfig, type LoadedConfig, type LoadOptions } from './load-config.js';
export { maskUserInfo } from './mask-user-info.js';
export { redactConfig } from './redact-config.js';
export { secretValues } from './secret-values.js';
