/**
 * Whether a setting of synchronous_standby_names makes commits wait for a client of this application name.
 * Syntax: https://www.postgresql.org/docs/current/runtime-config-replication.html (a list of names, or FIRST n (…),
 * ANY n (…), n (…); `*` matches all; names compare without case)
 */
export function awaitsApplication(setting: string, applicationName: string): boolean {
  const list = /^\s*(?:(?:first|any)\s+)?\d+\s*\((.*)\)\s*$/is.exec(setting)?.[1] ?? setting;
  const wanted = applicationName.toLowerCase();
  return [...list.matchAll(/"((?:[^"]|"")*)"|([^\s,"]+)/g)].some(([, quoted, plain]) => {
    const name = quoted?.replaceAll('""', '"') ?? plain ?? '';
    // Quoted or not: the server does not tell these apart.
    return name === '*' || name.toLowerCase() === wanted;
  });
}
