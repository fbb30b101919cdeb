import type { INestApplicationContext } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { causeOfReason } from '../../../domain/connect/connect-cause.js';
import type { ConnectOutcome } from '../../../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../../../domain/connect/connect-request.js';
import { isDead } from '../../../domain/grant/grant.js';
import type { AuditEvent } from '../../../token-store/audit/audit-events.repository.js';
import { EXIT, Failure } from '../../shared/failure.js';

const POLL_MS = 500;
/** The link was opened once too often, or the broker still finishes the connect: the final event is still to come. */
const UNFINISHED: ReadonlySet<string> = new Set(['invalid_request', 'finishing']);

/**
 * A connect through the broker's own /connect and /callback: Google redirects a `web` client nowhere else.
 * The running broker does everything; this polls the audit trail for the outcome.
 * @param show called with the link
 * @throws {Failure} `timed_out`, `grant_not_active`
 */
export async function awaitConnect(
  broker: INestApplicationContext,
  connectRequest: ConnectRequest,
  seconds: number,
  show: (url: string) => void,
): Promise<ConnectOutcome> {
  const [{ ConnectTickets }, { HeldGrantCheck }, { GrantsRepository }, { AuditEventsRepository }] =
    await Promise.all([
      import('../../../connect-tickets/connect-tickets.service.js'),
      import('../../../authorization/held-grant-check.js'),
      import('../../../token-store/grants/grants.repository.js'),
      import('../../../token-store/audit/audit-events.repository.js'),
    ]);
  const grants = broker.get(GrantsRepository);
  const held = await broker.get(HeldGrantCheck).find(connectRequest, randomUUID());
  if (held) return { kind: 'held', grantId: held.id, account: held.account };
  const newest = async () => {
    const { userId, serviceId } = connectRequest;
    // A refresh of a held grant that Google ended is recorded for the same user, after the link was shown.
    const query = {
      users: ['*'],
      userId,
      serviceId,
      action: 'connect.consent',
      since: null,
      until: null,
    } as const;
    return (await broker.get(AuditEventsRepository).find({ ...query, olderThan: null, limit: 1 })).items[0];
  };
  const before = await newest();
  show((await broker.get(ConnectTickets).sealedLink(connectRequest)).url);
  const deadline = performance.now() + seconds * 1000;
  while (performance.now() < deadline) {
    await sleep(POLL_MS);
    const event = await newest();
    if (event && event.id !== before?.id && !UNFINISHED.has(event.outcome)) return outcomeOf(event);
  }
  throw new Failure(
    EXIT.timedOut,
    'timed_out',
    `No connect was finished within ${seconds} seconds. Is the broker running at PUBLIC_URL? Run the command again, ` +
      'with a longer --timeout if need be.',
  );

  async function outcomeOf(event: AuditEvent): Promise<ConnectOutcome> {
    const grant = event.grantId === null ? null : await grants.findById(event.grantId);
    if (grant && !isDead(grant)) {
      const { id: grantId, account, grantedScopes: scopes, status, diagnosis } = grant;
      if (status !== 'active') {
        const why = diagnosis?.detail ?? '';
        const what = `The grant ${grantId} is stored, but it gives no tokens: its status is ${status}. ${why}`;
        throw new Failure(EXIT.refused, 'grant_not_active', what);
      }
      const { missing_scopes: missing } = event.details;
      return {
        kind: 'granted',
        grantId,
        account,
        scopes,
        missing: Array.isArray(missing) ? missing : [],
        unrequested: [],
        insteadOf: [],
      };
    }
    if (event.outcome === 'denied') return { kind: 'denied' };
    const { cause } = event.details;
    return {
      kind: 'failed',
      ...(event.grantId === null
        ? { code: event.outcome, detail: 'The connect failed; the browser shows why.' }
        : { code: 'grant_ended', detail: 'The grant has ended since. Run the command again.' }),
      cause: causeOfReason(cause) ?? 'internal_error',
    };
  }
}
