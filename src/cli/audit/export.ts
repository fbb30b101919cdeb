/*
 * `audit export`: the whole audit trail on standard output, for what keeps it elsewhere. Does not own the form of a line
 * (audit/audit-formats.ts), the order, nor what cannot be read yet (token-store/audit/audit-export.repository.ts).
 */
import { once } from 'node:events';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  exportCursor,
  type ExportPosition,
  positionAt,
  readExportCursor,
} from '../../domain/list-position.js';
import { globalOptions } from '../shared/command-result.js';
import { withBroker } from '../shared/open-broker.js';
import { time } from '../shared/values.js';

const EXAMPLES = `
Examples:
  token-broker audit export > audit.ndjson
  token-broker audit export --after 2026-11-01
  token-broker audit export >> audit.ndjson \\
    --after "$(jq -rR 'fromjson? | .cursor' audit.ndjson | tail -n 1)"

Every event once, in the order in which the database recorded it, one JSON
object a line: as in GET /audit, and \`cursor\`. After a stop, however sudden, go
on with --after and the cursor of the last whole line: no event is left out and
none comes twice. What was recorded in the last five seconds is left to the next
export.`;

export function auditExport(): Command {
  return new Command('export')
    .description('Write the audit trail as NDJSON, the oldest first; goes on where it stopped')
    .option('--after <cursor>', 'go on after this cursor, or from this time on', position)
    .addOption(new Option('--format <format>', 'how it is written').choices(['ndjson']).default('ndjson'))
    .addHelpText('after', EXAMPLES)
    .action(async function (this: Command, { after }: { readonly after?: ExportPosition }) {
      await write(after ?? null, globalOptions(this).json ?? false);
    });
}

function position(value: string): ExportPosition {
  const read = readExportCursor(value);
  if (read) return read;
  if (!value.includes('_')) return positionAt(time(value));
  throw new InvalidArgumentError('It must be the cursor of a line, or a time such as 2026-11-21T12:00:00Z.');
}

function write(after: ExportPosition | null, asJson: boolean): Promise<void> {
  return withBroker(async (broker) => {
    const [{ AuditExportRepository }, { toExportLine }] = await Promise.all([
      import('../../token-store/audit/audit-export.repository.js'),
      import('../../audit/audit-formats.js'),
    ]);
    const trail = broker.get(AuditExportRepository);
    const horizon = await trail.horizon();
    let written = 0;
    for await (const events of trail.read(after, horizon, ['*'])) {
      if (!process.stdout.write(events.map(toExportLine).join(''))) await once(process.stdout, 'drain');
      written += events.length;
    }
    // With --json, standard error is for a failure.
    if (asJson) return;
    const end = after !== null && after.recordedAt > horizon.recordedAt ? after : horizon;
    process.stderr.write(`${written} event(s). The next export: --after ${exportCursor(end)}\n`);
  });
}
