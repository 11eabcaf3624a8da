/**
 * The mark that a publication's comment carries once a slot has been used with it: `wal-listener slot=NAME`, one per
 * slot, beside whatever else the comment says. It lets a start tell "first start" from "the slot is gone", and a physical
 * standby or a restored backup inherits it.
 */
const MARK = /(?<=^|\s)wal-listener slot=([a-z0-9_]{1,63})(?=$|\s)/g;

/** The slots that a publication's comment names; empty when there is no comment or no mark. */
export function markedSlots(comment: string | null): readonly string[] {
  return [...(comment ?? '').matchAll(MARK)].map((match) => match[1] ?? '');
}

/** The comment with the slot's mark appended (as it is when the mark is there already). */
export function withMark(comment: string | null, slot: string): string {
  if (markedSlots(comment).includes(slot)) return comment ?? '';
  const mark = `wal-listener slot=${slot}`;
  return comment === null || comment === '' ? mark : `${comment} ${mark}`;
}

/** The comment without the slot's mark; marks of other slots and all other text stay. */
export function withoutMark(comment: string | null, slot: string): string {
  return (comment ?? '')
    .replaceAll(MARK, (mark, name: string) => (name === slot ? '' : mark))
    .replace(/ {2,}/g, ' ')
    .trim();
}
