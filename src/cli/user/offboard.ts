import { Command } from 'commander';
import { isUserId, USER_ID_RULE } from '../../domain/access/user-rule.js';
import type { Offboarded } from '../../grants/offboard-user.js';
import { exitCodeOf } from '../grant/disconnect.js';
import { endedInWords, OPERATOR } from '../grant/ended-in-words.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { wrongUsage } from '../shared/failure.js';
import { readSettings, withModules } from '../shared/open-broker.js';

const EXAMPLES = `
Examples:
  token-broker user offboard alice
  token-broker user offboard alice --yes
  token-broker user offboard alice --local --yes

Ends all that the broker holds for a user: grants, delegated credentials, and
connects under way. Without --yes it only says what would happen. Google ends
every grant of these accounts in the whole Google Cloud project, other users'
included. With --local the grants are deleted here only. Run it again where it
was interrupted. What stays, and for how long: docs/grants.md, "Offboarding".`;

interface Options {
  readonly local?: boolean;
  readonly yes?: boolean;
}

export function userOffboard(): Command {
  return new Command('offboard')
    .description('End all grants and credentials of a user; shows the effects first')
    .argument('<user>', 'the id of the user')
    .option('--local', 'delete the grants here only, and do not ask Google')
    .option('--yes', 'do it')
    .addHelpText('after', EXAMPLES)
    .action(printResult(offboard));
}

async function offboard(userId: string, { local, yes = false }: Options): Promise<TableResult> {
  if (!isUserId(userId)) throw wrongUsage(`The user id ${USER_ID_RULE}`, 'token-broker user offboard');
  const [settings, { GrantsAdminModule }, { OffboardUser }, { toOffboardResponse }] = await Promise.all([
    readSettings(process.env),
    import('../grant/grants-admin.module.js'),
    import('../../grants/offboard-user.js'),
    import('../../grants/offboard.response.js'),
  ]);
  const mode = local ? 'local' : 'revoke';
  const result = await withModules(settings, [GrantsAdminModule], (broker): Promise<Offboarded> => {
    const request = { userId, mode, by: OPERATOR } as const;
    const useCase = broker.get(OffboardUser);
    return yes ? useCase.offboardByOperator(request) : useCase.preview({ ...request, policy: null });
  });
  return {
    text: (width) => inWords(userId, result, { isDone: yes, width }),
    json: { dry_run: !yes, user_id: userId, mode, ...toOffboardResponse(result, null) },
    ...(yes && !result.isComplete ? { exitCode: exitCodeOf(result) } : {}),
  };
}

function inWords(
  userId: string,
  result: Offboarded,
  view: { readonly isDone: boolean; readonly width: number },
): string {
  const { grants, credentials, connects, isMore } = result;
  if (grants.length === 0 && credentials === 0 && connects === 0)
    return `The broker holds nothing for the user ${userId}.`;
  const revoked = view.isDone ? 'were revoked' : 'will be revoked';
  const cancelled = view.isDone ? 'were cancelled' : 'will be cancelled';
  return [
    ...(connects > 0 ? [`${connects} connect(s) under way ${cancelled}.`] : []),
    ...(credentials > 0 ? [`${credentials} delegated credential(s) for this user ${revoked}.`] : []),
    ...(grants.length > 0 ? [endedInWords(result, view)] : []),
    ...(grants.length === 0 && !view.isDone ? ['Nothing was changed. Do it with --yes.'] : []),
    ...(isMore ? [`There is more${view.isDone ? ': run it again' : ', which needs several runs'}.`] : []),
  ].join('\n\n');
}
