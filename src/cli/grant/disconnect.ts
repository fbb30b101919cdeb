import { Command } from 'commander';
import { isUuid } from '../../domain/text.js';
import type { EndedGrants } from '../../grants/end-grants.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { EXIT } from '../shared/failure.js';
import { readSettings, withModules } from '../shared/open-broker.js';
import { endedInWords, OPERATOR } from './ended-in-words.js';
import { noSuchGrant } from './show.js';

const EXAMPLES = `
Examples:
  token-broker grant disconnect 0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a11
  token-broker grant disconnect 0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a11 --yes
  token-broker grant disconnect 0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a11 --local \\
    --yes

Without --yes it only says what would happen. Google ends every grant of the
account in the whole Google Cloud project with this one, of any client and any
user. With --local the grant is deleted here only: at Google it stays valid and
keeps its slot. Where Google does not answer, the command exits with 69, and
the broker retries until it does.`;

interface Options {
  readonly local?: boolean;
  readonly yes?: boolean;
}

export function grantDisconnect(): Command {
  return new Command('disconnect')
    .description('Revoke a grant at Google and delete it; shows first what ends with it')
    .argument('<id>', 'the id of a grant')
    .option('--local', 'delete it here only')
    .option('--yes', 'do it')
    .addHelpText('after', EXAMPLES)
    .action(printResult(disconnect));
}

async function disconnect(id: string, { local, yes = false }: Options): Promise<TableResult> {
  const [settings, { GrantsAdminModule }, { EndGrants }, { GrantsRepository }, { toOffboardResponse }] =
    await Promise.all([
      readSettings(process.env),
      import('./grants-admin.module.js'),
      import('../../grants/end-grants.js'),
      import('../../token-store/grants/grants.repository.js'),
      import('../../grants/offboard.response.js'),
    ]);
  const mode = local ? 'local' : 'revoke';
  const ended = await withModules(settings, [GrantsAdminModule], async (broker): Promise<EndedGrants> => {
    const grant = isUuid(id) ? await broker.get(GrantsRepository).findById(id) : null;
    if (!grant) throw noSuchGrant(id);
    const ends = broker.get(EndGrants);
    return yes ? ends.end([grant], mode, OPERATOR) : ends.preview([grant], mode);
  });
  const isComplete = ended.grants.every(({ outcome }) => outcome === 'revoked' || outcome === 'deleted');
  const { complete, grants, also_revoked, also_revoked_total } = toOffboardResponse(
    { ...ended, credentials: 0, connects: 0, isMore: false, isComplete },
    null,
  );
  return {
    text: (width) => endedInWords(ended, { isDone: yes, width }),
    json: { dry_run: !yes, mode, complete, grants, also_revoked_total, also_revoked },
    ...(yes && !isComplete ? { exitCode: exitCodeOf(ended) } : {}),
  };
}

/** What the broker retries comes first: nothing is left to do for the operator. */
export function exitCodeOf({ grants }: EndedGrants) {
  return grants.some(({ outcome }) => outcome === 'kept') ? EXIT.refused : EXIT.unavailable;
}
