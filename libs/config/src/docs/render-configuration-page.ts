import { ROOT_SECTION, type OptionSpec, type SectionSpec } from '../schema/option-index.js';
import { CONFIGURATION_GUIDE } from './configuration-guide.js';
import { defaultOf } from './option-text.js';

/** The text of docs/configuration.md: the guide, then every key. */
export function renderConfigurationPage(): string {
  const top: SectionSpec = { ...ROOT_SECTION, description: 'Keys outside of any section.', sections: new Map() };
  const parts = [CONFIGURATION_GUIDE.trimEnd(), '', '## All keys', '', KEYS_INTRODUCTION];
  for (const section of ROOT_SECTION.sections.values()) parts.push(...renderSection(section, section.path, '###'));
  parts.push(...renderSection(top, 'Top level', '###'));
  return `${parts.join('\n')}\n`;
}

const KEYS_INTRODUCTION = `Every variable also works without the underscores inside (\`WAL_LISTENER_SLOTNAME\`) and has a
\`_FILE\` twin. *Secret* values are never printed.`;

function renderSection(section: SectionSpec, title: string, heading: string): readonly string[] {
  const lines = ['', `${heading} ${title}`, '', section.description];
  if (section.options.size > 0) lines.push('', '| key, variable | type | default | meaning |', '|---|---|---|---|');
  for (const option of section.options.values()) lines.push(renderRow(option));
  for (const nested of section.sections.values()) lines.push(...renderSection(nested, nested.path, `${heading}#`));
  return lines;
}

function renderRow(option: OptionSpec): string {
  const { meta } = option;
  const names = [option.envName, ...(meta.envAliases ?? [])].map((name) => `\`${name}\``);
  const required =
    meta.required === undefined ? '' : ` **Required${meta.required === 'always' ? '' : ` ${meta.required}`}.**`;
  const secret = meta.secret === true ? ' *Secret.*' : '';
  const example = meta.example === undefined ? '' : ` Example: \`${meta.example}\``;
  const cells = [
    [`\`${option.path}\``, ...names].join('<br>'),
    option.kind.title,
    meta.required === 'always' ? '–' : defaultOf(option),
    `${meta.description}${required}${secret}${example}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
