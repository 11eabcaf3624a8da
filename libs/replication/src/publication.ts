import type { ControlConnection } from './control-connection.js';
import { markedSlots, withMark } from './mark.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';

/** A publication as the catalog shows it. */
export interface Publication {
  readonly name: string;
  /** Whether this user may comment on it. */
  readonly isOwned: boolean;
  readonly owner: string;
  readonly comment: string | null;
  /** Whether it publishes UPDATE or DELETE, which need a replica identity. */
  readonly needsIdentity: boolean;
}

const READ_PUBLICATIONS = `
SELECT p.pubname::text AS name, pg_has_role(current_user, p.pubowner, 'USAGE') AS owned,
  pg_get_userbyid(p.pubowner)::text AS owner, obj_description(p.oid, 'pg_publication') AS comment,
  p.pubupdate OR p.pubdelete AS needs_identity
FROM pg_publication p WHERE p.pubname::text = ANY($1::text[])`;

interface PublicationRow {
  readonly name: string;
  readonly owned: boolean;
  readonly owner: string;
  readonly comment: string | null;
  readonly needs_identity: boolean;
}

/** Those of the named publications that exist, in the order of the names. @throws AppError */
export async function readPublications(
  control: ControlConnection,
  names: readonly string[],
): Promise<readonly Publication[]> {
  const rows = await control.query<PublicationRow>(READ_PUBLICATIONS, [names]);
  return names.flatMap((name) => {
    const row = rows.find((candidate) => candidate.name === name);
    if (row === undefined) return [];
    return [{ name, isOwned: row.owned, owner: row.owner, comment: row.comment, needsIdentity: row.needs_identity }];
  });
}

/** The statement that makes a publication of every table. */
export function createPublicationSql(name: string): string {
  return `CREATE PUBLICATION ${quoteIdentifier(name)} FOR ALL TABLES`;
}

/** The statement that sets a publication's comment. */
export function commentSql(name: string, comment: string): string {
  return `COMMENT ON PUBLICATION ${quoteIdentifier(name)} IS ${comment === '' ? 'NULL' : quoteLiteral(comment)}`;
}

/** Appends the slot's mark to the comment of a publication that this user owns. @throws AppError */
export async function writeMark(control: ControlConnection, publication: string, slot: string): Promise<void> {
  await control.transaction(async (query) => {
    // Two services on one publication would otherwise overwrite each other's mark.
    await query("SELECT pg_advisory_xact_lock(hashtext('wal-listener mark'))");
    const [row] = await query<PublicationRow>(READ_PUBLICATIONS, [[publication]]);
    if (row === undefined || markedSlots(row.comment).includes(slot)) return;
    await query(commentSql(publication, withMark(row.comment, slot)));
  });
}
