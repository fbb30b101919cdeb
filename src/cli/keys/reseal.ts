import { Command } from 'commander';
import type { WaitingKey } from '../../sealing/key-ring.js';
import type { ResealReport } from '../../token-store/sealed/reseal.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { EXIT } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';
import { table } from '../shared/table.js';

const EXAMPLES = `
Examples:
  token-broker keys reseal
  token-broker keys reseal --json | jq .unused_key_ids
  token-broker keys reseal --adopt
  token-broker keys reseal --verify

Opens every value in the database that an older key sealed and seals it again
with the newest key, so that older keys can be removed from the key ring. What
the newest key sealed is only counted; with --verify it is opened as well, as
after a restore: that takes longer, and damaged values are found. Safe while the
broker runs, safe to interrupt and to run again. Every replica must have the new
key ring first: one that has only the older keys cannot open what the new one
sealed. So a key that seals only from a later time on is not used before.
Each service has a MAC, and the broker refuses rows without one. --adopt signs
such rows, once, after an update from a version without MACs: look at
\`token-broker service list\` first, since it also accepts rows that someone else
inserted. Exits with 3 while anything is still sealed under an older key, or
does not open.`;

export function keysReseal(): Command {
  return new Command('reseal')
    .description('Seal everything again with the newest key')
    .option('--adopt', 'first sign the services without a MAC, as older versions left them')
    .option('--verify', 'open also what the newest key sealed')
    .addHelpText('after', EXAMPLES)
    .action(printResult(resealAll));
}

interface Options {
  readonly adopt?: boolean;
  readonly verify?: boolean;
}

async function resealAll({ adopt = false, verify = false }: Options): Promise<TableResult> {
  const [{ reseal }, { adoptServices }, { ServicesRepository }, { Database }, { Sealer }] = await Promise.all(
    [
      import('../../token-store/sealed/reseal.js'),
      import('../../token-store/services/service-mac.js'),
      import('../../token-store/services/services.repository.js'),
      import('../../token-store/client/database.js'),
      import('../../sealing/sealer.js'),
    ],
  );
  return withBroker(async (broker) => {
    const adopted = adopt ? await adoptServices(broker.get(Database), broker.get(Sealer)) : [];
    const report = await reseal(broker.get(Database), broker.get(Sealer), verify);
    const unverified = (await broker.get(ServicesRepository).listUnverified()).map(({ name }) => name);
    const { keyIds, waitingKeys } = broker.get(Sealer);
    const kept = [report.newestKeyId, ...waitingKeys.map(({ id }) => id), ...report.keysInUse.keys()];
    const unused = keyIds.filter((id) => !kept.includes(id));
    return resultOf(report, unused, waitingKeys, { adopted, unverified });
  });
}

interface Services {
  readonly adopted: readonly string[];
  readonly unverified: readonly string[];
}

function resultOf(
  report: ResealReport,
  unused: readonly string[],
  waitingKeys: readonly WaitingKey[],
  services: Services,
): TableResult {
  const { newestKeyId, columns, keysInUse } = report;
  const problems = [...report.problems, ...waitingKeys.map(sealsLater)];
  const isDone = waitingKeys.length === 0 && [...keysInUse.keys()].every((id) => id === newestKeyId);
  const areOpened = columns.every(({ unopened }) => unopened === 0);
  const inUse = [...keysInUse].map(
    ([id, count]) => `  ${id}: ${count} value(s)${id === newestKeyId ? ', newest' : ''}`,
  );
  return {
    text: (width) =>
      [
        table(
          ['COLUMN', 'RE-SEALED', 'NEWEST', 'CHANGED', 'NOT OPENED'].map((heading) => ({ heading })),
          columns.map(({ column, resealed, newest, changed, unopened }) => [
            column,
            ...[resealed, newest, changed, unopened].map(String),
          ]),
          width,
        ),
        ...problems.map((problem) => `Problem: ${problem}`),
        ...aboutServices(services),
        `Keys in use:\n${inUse.join('\n') || '  none: nothing is stored yet'}`,
        ...(areOpened ? [] : [NOT_OPENED]),
        isDone ? aboutUnused(unused) : NOT_DONE,
      ].join('\n\n'),
    json: {
      newest_key_id: newestKeyId,
      columns,
      keys_in_use: Object.fromEntries(keysInUse),
      unused_key_ids: unused,
      problems,
      adopted_services: services.adopted,
      unverified_services: services.unverified,
    },
    ...(isDone && areOpened ? {} : { exitCode: EXIT.refused }),
  };
}

function aboutServices({ adopted, unverified }: Services): string[] {
  return [
    ...(adopted.length > 0 ? [`Signed, and accepted from now on: ${adopted.join(', ')}.`] : []),
    ...(unverified.length > 0
      ? [
          `Not verified, and refused: ${unverified.join(', ')}. Look at \`token-broker service list\`; --adopt signs those ` +
            'without a MAC, which an older version left. One with a wrong MAC was changed: revoke it.',
        ]
      : []),
  ];
}

const sealsLater = ({ id, sealsFrom }: WaitingKey) =>
  `The key ${id} seals from ${sealsFrom.toISOString()} on. Run this again then; nothing is sealed under it before.`;

const NOT_OPENED =
  'What is counted under NOT OPENED cannot be used: it was damaged, or sealed by a key that the key ring lacks.';

const NOT_DONE =
  'Older keys are still in use: do not remove them. Give every replica the new key ring and run this again.';

function aboutUnused(unused: readonly string[]): string {
  if (unused.length === 0) return 'The key ring holds no key that could be removed.';
  return (
    `Nothing stored needs these keys any more: ${unused.join(', ')}.\n` +
    'They may be removed from the key ring 30 minutes after the newest key began to seal: until then, connect links\n' +
    'that were made with the older ones may still be used.'
  );
}
