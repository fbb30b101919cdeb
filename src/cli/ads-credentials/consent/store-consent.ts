import type { INestApplicationContext } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { Completion } from '../../../callback/complete-authorization.js';
import { Settings } from '../../../config/settings.js';
import type { ConnectOutcome } from '../../../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../../../domain/connect/connect-request.js';
import { BrokerError } from '../../../domain/errors.js';
import type { Locale } from '../../../pages/locale.js';
import { plainBranding } from '../../../pages/page-context.js';
import { resultPage } from '../../../pages/result-page.js';
import { EXIT, Failure } from '../../shared/failure.js';
import { readAuthorizationResponse, wrongState } from './authorization-response.js';
import { failed, type Loopback, type VisitResult } from './loopback.js';
import { type Pasting, whilePasting } from './pasted-address.js';

/**
 * A connect whose authorization response comes to this command instead of the broker's /callback: the same use cases, and
 * so the same slot checks, ledger, outbox and audit.
 * @param broker with the loopback's redirect URI in its settings
 * @param options `show` is called with the consent URL
 */
export async function storeConsent(
  broker: INestApplicationContext,
  {
    connectRequest,
    loopback,
    seconds,
  }: { connectRequest: ConnectRequest; loopback: Loopback; seconds: number },
  { show, pasting }: { show: (url: string) => void; pasting: Pasting | null },
): Promise<ConnectOutcome> {
  const [{ randomSecret, StartAuthorization }, { CompleteAuthorization }, { AuditLog }] = await Promise.all([
    import('../../../authorization/start-authorization.js'),
    import('../../../callback/complete-authorization.js'),
    import('../../../token-store/audit/audit-log.repository.js'),
  ]);
  // A connect that cannot be recorded is not started.
  await broker.get(AuditLog).waitForCapacity('');
  const requestId = randomUUID();
  // Bound to the browser by a cookie in /connect; here, to this process.
  const browserKey = randomSecret();
  const ticket = { id: randomUUID(), connectRequest };
  const start = await broker.get(StartAuthorization).begin(ticket, browserKey, requestId, null);
  if (start.kind !== 'redirect') {
    const outcome = start.kind === 'ended' ? start.outcome : start.ticket.outcome;
    if (!outcome) throw wrongState();
    await record(broker, connectRequest, outcome);
    return outcome;
  }
  show(start.consentUrl);
  const visit = async (query: URLSearchParams): Promise<VisitResult<ConnectOutcome>> => {
    const completion = await complete(query);
    if ('visit' in completion) return completion.visit;
    if (completion.kind === 'redirect') return { reply: { location: completion.consentUrl } };
    const outcome = completion.kind === 'outcome' ? completion.outcome : completion.ticket.outcome;
    if (!outcome) return failed(wrongState());
    if (outcome.kind === 'expired') return failed(tookTooLong());
    if (completion.kind === 'outcome') await record(broker, connectRequest, outcome);
    const context = { app: plainBranding(connectRequest.serviceName), backUrl: null };
    const page = (locale: Locale) =>
      resultPage({ ...context, locale }, { outcome, nextStep: null, connectRequest });
    return { reply: { status: 200, page }, outcome: { value: outcome } };
  };
  return whilePasting(loopback, pasting, () => loopback.receive(visit, seconds));

  async function complete(
    query: URLSearchParams,
  ): Promise<Completion | { readonly visit: VisitResult<never> }> {
    try {
      const response = { ...readAuthorizationResponse(query), locale: null, browserKey: () => browserKey };
      return await broker
        .get(CompleteAuthorization)
        .complete(response, requestId, () => undefined, new AbortController().signal);
    } catch (error) {
      return { visit: failed(explain(error)) };
    }
  }
}

/** @returns the settings with another redirect URI */
export function withRedirectUri(settings: Settings, redirectUri: string): Settings {
  return Object.freeze(Object.assign(new Settings(), settings, { redirectUri }));
}

async function record(
  broker: INestApplicationContext,
  connectRequest: ConnectRequest,
  outcome: ConnectOutcome,
): Promise<void> {
  const [{ AuditLog }, { Clock }, { consentFacts }] = await Promise.all([
    import('../../../token-store/audit/audit-log.repository.js'),
    import('../../../domain/ports/clock.js'),
    import('../../../connect-tickets/connect-audit.js'),
  ]);
  const { userId, client, scopes } = connectRequest;
  const { details, ...facts } = consentFacts(outcome);
  const audit = broker.get(AuditLog);
  audit.record({
    at: broker.get(Clock).now(),
    action: 'connect.consent',
    outcome: 'ok',
    actor: 'operator',
    userId,
    client,
    ...facts,
    details: { asked: scopes, ...details },
  });
  await audit.flushCommitted([userId]);
}

function tookTooLong(): Failure {
  return new Failure(
    EXIT.timedOut,
    'timed_out',
    'The consent took longer than 10 minutes. Run the command again.',
  );
}

/** The texts of these refusals send the user back to the app; here there is none. */
function explain(error: unknown): unknown {
  if (!(error instanceof BrokerError)) return error;
  const { reason } = error.extensions;
  return reason === undefined ? error : wrongState();
}
