import { describe, expect, it } from 'vitest';
import { type CheckFinding, renderReport, reportWidth } from './check-report.js';
import { coloured, paintFor, plain } from './paint.js';

const SEEN = [
  ['database', 'PostgreSQL 18.4 at db.example.com:5432, database shop, user replicator'],
  ['slot', 'wal_listener: not in use, confirmed 0/1787638, keeps 1 MB of WAL (reserved)'],
] as const;
const ALTER = `ALTER TABLE "public"."${'a  table with a long name '.repeat(4)}" REPLICA IDENTITY FULL;`;
const IDENTITY: CheckFinding = {
  part: 'database',
  severity: 'error',
  code: 'REPLICA_IDENTITY',
  message: `A publication of all tables makes UPDATE and DELETE fail on tables without replica identity: "public".${'x'.repeat(90)}`,
  remedy: `Give them a primary key, which is best for all who read the table and for all who write to it, or:\n${ALTER}\nOr publish the other tables only:\nCREATE PUBLICATION "p" FOR TABLE "public"."users";`,
};
const WEAK: CheckFinding = {
  part: 'broker',
  severity: 'warning',
  code: 'BROKER_CONFIG',
  message: 'stream "shop" is stored in memory',
  remedy: 'Change the stream (nats stream edit), or accept it knowingly.',
};
const lines = (text: string): string[] => text.split('\n');

describe('renderReport', () => {
  it('shows a clean result with what was looked at', () => {
    expect(renderReport({ ok: true, seen: SEEN, findings: [] }, 80, plain)).toBe(
      `database  PostgreSQL 18.4 at db.example.com:5432, database shop, user replicator
slot      wal_listener: not in use, confirmed 0/1787638, keeps 1 MB of WAL
          (reserved)

Ready to stream.
`,
    );
  });

  it.each([80, 120, 200])('has a row per finding within %i columns', (width) => {
    const text = renderReport({ ok: false, seen: SEEN, findings: [IDENTITY, WEAK] }, width, plain);
    expect(text).toMatch(/^SEVERITY {2}PART {6}CODE {14}FINDING/m);
    expect(text).toMatch(/^error {5}database {2}REPLICA_IDENTITY {2}A publication of all tables/m);
    expect(text).toMatch(/^warning {3}broker {4}BROKER_CONFIG {5}stream "shop" is stored in memory$/m);
    expect(text.endsWith('\n\nNot ready to stream.\n')).toBe(true);
    for (const line of lines(text).filter((each) => !each.includes('ALTER'))) {
      expect(line.length).toBeLessThanOrEqual(width);
    }
  });

  it('leaves every statement whole on a line of its own, to be copied', () => {
    const found = lines(renderReport({ ok: false, seen: [], findings: [IDENTITY] }, 80, plain));
    expect(found).toContain(`  ${ALTER}`);
    expect(found).toContain('  CREATE PUBLICATION "p" FOR TABLE "public"."users";');
  });

  it('takes no control characters from what it shows, but for its own colours', () => {
    const evil = { ...WEAK, message: 'table "\u001b[2J"', remedy: 'ALTER TABLE "\u001b[2J";' };
    const report = { ok: false, seen: [['slot', '\u0007']] as const, findings: [evil] };
    expect(renderReport(report, 80, plain)).not.toMatch(/(?!\n)\p{Cc}/u);
    const inColour = renderReport(report, 80, coloured);
    expect(inColour).toContain('\u001b[33mwarning\u001b[39m');
    expect(inColour).not.toContain('\u001b[2J');
  });
});

describe('the terminal', () => {
  it('gives the width within 80 and 200 columns', () => {
    const widths = [20, 100, 500].map((columns) => reportWidth({ isTTY: true, columns }));
    expect(widths).toEqual([80, 100, 200]);
    expect(reportWidth({})).toBe(120);
  });

  it('gets colours unless its user wants none', () => {
    expect(paintFor({ isTTY: true }, undefined)('red', 'x')).toBe('\u001b[31mx\u001b[39m');
    expect(paintFor({ isTTY: true }, '')('red', 'x')).toBe('\u001b[31mx\u001b[39m');
    expect(paintFor({ isTTY: true }, '1')('red', 'x')).toBe('x');
    expect(paintFor({}, undefined)('red', 'x')).toBe('x');
  });
});
