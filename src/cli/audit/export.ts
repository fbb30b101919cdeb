/*
 * `audit export`: the whole audit trail as NDJSON, for what keeps it elsewhere. Does not own the form of a line
 * (audit/audit-formats.ts), the order, nor what cannot be read yet (token-store/audit/audit-export.repository.ts).
 */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  exportCursor,
  type ExportPosition,
  positionAt,
  readExportCursor,
} from '../../domain/list-position.js';
import { globalOptions } from '../shared/command-result.js';
import { wrongUsage } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';
import { hasReader, print, write } from '../shared/output.js';
import { time } from '../shared/values.js';
import { ExportFile } from './export-file.js';

const EXAMPLES = `
Examples:
  token-broker audit export --append audit.ndjson
  token-broker audit export > audit.ndjson
  token-broker audit export --after 2026-11-01

Every event once, in the order in which the database recorded it, one JSON
object a line: as in GET /audit, and \`cursor\`. With --append it continues
after the last event of the file, which it makes where there is none; after a
stop, however sudden, it first cuts off a line that is not whole. Without,
continue with --after and the cursor of the last whole line. No event is left
out and none comes twice. What was recorded in the last five seconds is left to
the next export.`;

interface Options {
  readonly after?: ExportPosition;
  readonly append?: string;
}

export function auditExport(): Command {
  return new Command('export')
    .description('Write the audit trail as NDJSON, the oldest first; continues where it stopped')
    .option('--append <file>', 'add to this file what is not in it yet')
    .option('--after <cursor>', 'continue after this cursor, or from this time on', position)
    .addOption(new Option('--format <format>', 'how it is written').choices(['ndjson']).default('ndjson'))
    .addHelpText('after', EXAMPLES)
    .action(async function (this: Command, { after, append }: Options) {
      const { json = false } = globalOptions(this);
      if (append === undefined) {
        report(await exportTo({ after: after ?? null, write }), json);
        return;
      }
      if (after) throw wrongUsage('--append and --after exclude each other.', 'token-broker audit export');
      const file = await ExportFile.open(resolve(append));
      try {
        const exported = await exportTo(file);
        if (json) await print(JSON.stringify(exported));
        report(exported, json);
      } finally {
        await file.close();
      }
    });
}

function position(value: string): ExportPosition {
  const read = readExportCursor(value);
  if (read) return read;
  if (!value.includes('_')) return positionAt(time(value));
  throw new InvalidArgumentError('It must be the cursor of a line, or a time such as 2026-11-21T12:00:00Z.');
}

interface Target {
  readonly after: ExportPosition | null;
  readonly write: (text: string) => Promise<void>;
}

interface Exported {
  readonly events: number;
  /** After which the next export continues. */
  readonly next: string;
}

/** @returns null where the reader closed the pipe: how much of it was read is not known */
function exportTo(target: Target): Promise<Exported | null> {
  const { after } = target;
  return withBroker(async (broker) => {
    const [{ AuditExportRepository }, { toExportLine }] = await Promise.all([
      import('../../token-store/audit/audit-export.repository.js'),
      import('../../audit/audit-formats.js'),
    ]);
    const trail = broker.get(AuditExportRepository);
    const horizon = await trail.horizon();
    let written = 0;
    for await (const events of trail.read(after, horizon, ['*'])) {
      await target.write(events.map(toExportLine).join(''));
      written += events.length;
      if (!hasReader()) break;
    }
    if (!hasReader()) return null;
    const end = after !== null && after.recordedAt > horizon.recordedAt ? after : horizon;
    return { events: written, next: exportCursor(end) };
  });
}

function report(exported: Exported | null, asJson: boolean): void {
  // With --json, standard error is for a failure.
  if (asJson || !exported) return;
  process.stderr.write(`${exported.events} event(s). The next export: --after ${exported.next}\n`);
}
