import { renderConfigurationPage } from './render-configuration-page.js';
import { renderEnvExample } from './render-env-example.js';

/** What is generated from the schema; paths from the repository's root. */
export const GENERATED_FILES: readonly { readonly path: string; readonly render: () => string }[] = [
  { path: '.env.example', render: renderEnvExample },
  { path: 'docs/configuration.md', render: renderConfigurationPage },
];
