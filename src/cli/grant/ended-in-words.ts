/** What `grant disconnect` and `user offboard` show: what becomes of each grant, and which others end with them. */
import { UNCONFIRMED_REVOCATION } from '../../domain/google/oauth-failures.js';
import { ENDED_GRANT_OUTCOMES, NOT_ASKED_REASONS } from '../../domain/grant/ended-grant.js';
import type { RevocationRequester } from '../../domain/grant/revocation.js';
import type { EndedGrants, EndedGrant } from '../../grants/end-grants.js';
import { table, wrapped } from '../shared/table.js';

export const OPERATOR: RevocationRequester = { actor: 'operator', serviceId: null, requestId: null };

const MAX_LISTED = 50;

interface View {
  /** False: this is what would happen. */
  readonly isDone: boolean;
  readonly width: number;
}

export function endedInWords({ grants, also }: EndedGrants, { isDone, width }: View): string {
  const others =
    also.length === 0
      ? []
      : [
          `${isDone ? 'Google ended' : 'Google ends'} ${also.length} other grant(s) with ${grants.length === 1 ? 'it' : 'them'}:`,
          table(
            [
              { heading: 'GRANT' },
              { heading: 'USER', cut: true },
              { heading: 'CLIENT', cut: true },
              { heading: 'ACCOUNT', cut: true },
            ],
            also
              .slice(0, MAX_LISTED)
              .map(({ id, userId, client, account }) => [id, userId, client, account.email ?? account.sub]),
            width,
          ) + (also.length > MAX_LISTED ? `\nand ${also.length - MAX_LISTED} more; --json lists 100` : ''),
        ];
  return [
    table(
      [
        { heading: 'GRANT' },
        { heading: isDone ? 'RESULT' : 'PLAN' },
        { heading: 'ACCOUNT', cut: true },
        { heading: 'CLIENT', cut: true, optional: true },
        { heading: 'USER', cut: true, optional: true },
      ],
      grants.map(({ grant: { id, account, client, userId }, outcome }) => [
        id,
        ENDED_GRANT_OUTCOMES[outcome][isDone ? 'done' : 'plan'],
        account.email ?? account.sub,
        client,
        userId,
      ]),
      width,
    ),
    ...others,
    ...notes(grants, width),
    ...(isDone ? [] : ['Nothing was changed. Do it with --yes.']),
  ].join('\n\n');
}

function notes(grants: readonly EndedGrant[], width: number): string[] {
  const has = (matches: (ended: EndedGrant) => boolean) => grants.some(matches);
  return [
    ...(has(({ outcome }) => outcome === 'revoking')
      ? [`${UNCONFIRMED_REVOCATION.meaning} ${UNCONFIRMED_REVOCATION.remedy}`]
      : []),
    ...(has(({ reason }) => reason === 'service_account')
      ? [
          `The grant of a service account is ${ENDED_GRANT_OUTCOMES.deleted.meaning}: ${NOT_ASKED_REASONS.service_account}.`,
        ]
      : []),
    ...(['client_unknown', 'integrity_failed'] as const)
      .filter((why) => has(({ reason }) => reason === why))
      .map((why) => `A grant stays: ${NOT_ASKED_REASONS[why]}. --local deletes it here.`),
  ].map((note) => wrapped(note, width));
}
