import type { INestApplicationContext } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { Completion } from '../../../callback/complete-authorization.js';
import { Settings } from '../../../config/settings.js';
import type { ConnectOutcome } from '../../../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../../../domain/connect/connect-request.js';
import type { BrokerError } from '../../../domain/errors.js';
import type { Secret } from '../../../domain/secret.js';
import { resultPage } from '../../../pages/result-page.js';
import { EXIT, Failure } from '../../shared/failure.js';
import { readReturn, wrongReturn } from './authorization-response.js';
import { failed, type Loopback, type Visited } from './loopback.js';

/**
 * A connect whose browser comes back to this command instead of the broker's /callback: the same use cases, and so
 * the same slot checks, ledger, outbox and audit.
 * @param broker put together with the loopback's redirect URI
 * @param show told where the user has to go
 */
export async function storeConsent(
  broker: INestApplicationContext,
  {
    connectRequest,
    loopback,
    seconds,
  }: { connectRequest: ConnectRequest; loopback: Loopback; seconds: number },
  show: (url: string) => void,
): Promise<ConnectOutcome> {
  const [{ StartAuthorization }, { CompleteAuthorization }, { AuditLog }] = await Promise.all([
    import('../../../authorization/start-authorization.js'),
    import('../../../callback/complete-authorization.js'),
    import('../../../token-store/audit/audit-log.repository.js'),
  ]);
  // What cannot be recorded is better not done.
  await broker.get(AuditLog).room('');
  const start = await broker.get(StartAuthorization).begin({ id: randomUUID(), connectRequest });
  if (start.kind === 'held') {
    await record(broker, connectRequest, start);
    return start;
  }
  const requestId = randomUUID();
  // What a browser keeps in a cookie: this command is the only one that may finish.
  let { browserKey } = start.redirect;
  show(start.redirect.consentUrl);
  const outcome = await loopback.receive<ConnectOutcome>(async (query) => {
    const completion = await complete(query, browserKey);
    if ('visit' in completion) return completion.visit;
    if ('redirect' in completion) {
      ({ browserKey } = completion.redirect);
      return { reply: { goTo: completion.redirect.consentUrl } };
    }
    await record(broker, connectRequest, completion.outcome);
    const page = resultPage(connectRequest.serviceName, completion.outcome, null);
    return { reply: { status: 200, page }, outcome: { value: completion.outcome } };
  }, seconds);
  return outcome;

  async function complete(
    query: URLSearchParams,
    key: Secret,
  ): Promise<Completion | { readonly visit: Visited<never> }> {
    try {
      const back = { ...readReturn(query), browserKey: key };
      return await broker.get(CompleteAuthorization).complete(back, requestId, () => undefined);
    } catch (error) {
      return { visit: failed(explain(error)) };
    }
  }
}

/** The settings of a broker whose callback is elsewhere. */
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
    import('../../../callback/connect-outcome.js'),
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
  await audit.flush();
}

/** Refusals of a return say to go back to the app; here there is none. */
function explain(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'BrokerError') return error;
  const { reason } = (error as BrokerError).extensions;
  if (reason === 'state_expired') {
    return new Failure(
      EXIT.timedOut,
      'timed_out',
      'The consent took longer than 10 minutes. Run the command again.',
    );
  }
  return reason === undefined ? error : wrongReturn();
}
