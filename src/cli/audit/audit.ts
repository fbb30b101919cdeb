import { Command, Option } from 'commander';
import { AUDIT_ACTIONS, type AuditAction } from '../../domain/audit-entry.js';
import type { AuditEvent, AuditPosition } from '../../token-store/audit/audit-events.repository.js';
import { globalOptions } from '../shared/command-result.js';
import { EXIT, Failure, wrongUsage } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';
import { hasReader, print } from '../shared/output.js';
import { readPages } from '../shared/read-pages.js';
import { table, widthOf } from '../shared/table.js';
import { count, moment, time } from '../shared/values.js';
import { auditExport } from './export.js';

const EXAMPLES = `
Examples:
  token-broker audit --user alice
  token-broker audit --action grant.disconnect --since 7d
  token-broker audit --service reports --since 2026-11-01 --csv > reports.csv
  token-broker audit --since 1h --json | jq -r .user_id
  token-broker audit export > audit.ndjson

The newest first. As a table 100 events, or as many as --limit says; --csv and
--json write all of them, one a line, while they are read. Cells of a CSV that a
spreadsheet would take for a formula begin with an apostrophe.`;

const USUAL_LIMIT = 100;

interface Options {
  readonly user?: string;
  readonly service?: string;
  readonly action?: AuditAction;
  readonly since?: Date;
  readonly until?: Date;
  readonly limit?: number;
  readonly csv?: boolean;
}

export function audit(): Command {
  return new Command('audit')
    .description('Show the audit trail: who did what, for whom')
    .option('--user <id>', 'only events about this user')
    .option('--service <id-or-name>', 'only events of this service')
    .addOption(new Option('--action <action>', 'only events of this action: docs/audit.md').argParser(action))
    .option('--since <time>', 'only from this time on: a time, a day, or how long ago (24h)', time)
    .option('--until <time>', 'only before this time', time)
    .option('--limit <count>', 'how many at most', count)
    .option('--csv', 'as CSV (RFC 4180)')
    .addHelpText('after', EXAMPLES)
    .addCommand(auditExport())
    .action(async function (this: Command, options: Options) {
      await show(options, globalOptions(this));
    });
}

function action(value: string): AuditAction {
  const known = AUDIT_ACTIONS.find((each) => each === value);
  if (known) return known;
  throw wrongUsage(
    `there is no action ${value}. There are ${AUDIT_ACTIONS.join(', ')}.`,
    'token-broker audit',
  );
}

interface OutputOptions {
  readonly json?: boolean;
  readonly wide?: boolean;
}

function show(options: Options, { json = false, wide = false }: OutputOptions): Promise<void> {
  const { csv = false, service: idOrName, limit } = options;
  if (csv && json) throw wrongUsage('--csv and --json exclude each other.', 'token-broker audit');
  return withBroker(async (broker) => {
    const [
      { AuditEventsRepository },
      { ServicesRepository },
      { AUDIT_CSV_HEADER, toCsvLine },
      { toAuditEventResponse },
    ] = await Promise.all([
      import('../../token-store/audit/audit-events.repository.js'),
      import('../../token-store/services/services.repository.js'),
      import('../../audit/audit-formats.js'),
      import('../../audit/audit.response.js'),
    ]);
    const service = idOrName === undefined ? null : await broker.get(ServicesRepository).findNamed(idOrName);
    if (idOrName !== undefined && !service)
      throw new Failure(EXIT.notFound, 'service_not_found', `There is no service ${idOrName}.`);
    const trail = broker.get(AuditEventsRepository);
    const filter = {
      users: ['*'],
      userId: options.user ?? null,
      serviceId: service?.id ?? null,
      action: options.action ?? null,
      since: options.since ?? null,
      until: options.until ?? null,
    };
    const read = (olderThan: AuditPosition | null, size: number) =>
      trail.find({ ...filter, olderThan, limit: size });
    const isStream = csv || json;
    const pages = readPages(read, limit ?? (isStream ? null : USUAL_LIMIT));
    if (csv) await print(AUDIT_CSV_HEADER);
    const rows: AuditEvent[] = [];
    for (;;) {
      const { value, done } = await pages.next();
      if (done) {
        if (!isStream) await print(inWords(rows, value, widthOf({ wide })));
        return;
      }
      if (!isStream) rows.push(...value);
      else if (value.length > 0) {
        const line = csv ? toCsvLine : (event: AuditEvent) => JSON.stringify(toAuditEventResponse(event));
        await print(value.map(line).join('\n'));
        if (!hasReader()) return;
      }
    }
  });
}

function inWords(events: readonly AuditEvent[], isMore: boolean, width: number): string {
  if (events.length === 0) return 'There are no such events.';
  const rows = table(
    [
      { heading: 'AT' },
      { heading: 'ACTION', cut: true },
      { heading: 'OUTCOME', cut: true },
      { heading: 'ACTOR', cut: true },
      { heading: 'USER', cut: true },
      { heading: 'TIMES', optional: true },
      { heading: 'CLIENT', cut: true, optional: true },
      { heading: 'GRANT', optional: true },
      { heading: 'DETAILS', cut: true, optional: true },
    ],
    events.map(({ at, action: what, outcome, actor, userId, count: times, client, grantId, details }) => [
      moment(at),
      what,
      outcome,
      actor,
      userId ?? '-',
      String(times),
      client ?? '-',
      grantId ?? '-',
      JSON.stringify(details),
    ]),
    width,
  );
  return isMore
    ? `${rows}\n\nThere are more: raise --limit, or add a filter. --csv and --json write all.`
    : rows;
}
