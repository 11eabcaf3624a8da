/**
 * Control characters of both sets, line separators, and what turns the direction of text: each could break a line in
 * two, move a terminal's cursor, or make a line read as something else.
 */
const CONTROLS = /[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/g; // oxlint-disable-line no-control-regex

/** Controls as `\u001b`, which within JSON is the same text. */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, (control) => {
    if (control === '\n') return '\\n';
    return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** A line of JSON (see pino) as `2026-01-01T00:00:00.000Z WARN  message key=value`, for people. Without line end. */
export function textLine(json: string): string {
  const { time, level, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${quoted(value)}`);
  return escapeControls(`${String(time)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${pairs.join('')}`);
}

function quoted(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text === '' || /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}
