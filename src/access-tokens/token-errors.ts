import { Injectable } from '@nestjs/common';
import { ConnectTickets, isLoginHint } from '../connect-tickets/connect-tickets.service.js';
import { allowedScopes } from '../domain/access/policy.js';
import { plainConnectRequest } from '../domain/connect/connect-request.js';
import { BrokerError, type BrokerErrorCode } from '../domain/errors.js';
import { type GoogleFailure, isTransient } from '../domain/google/google-failure.js';
import { explainFailure } from '../domain/google/oauth-failures.js';
import { isGoogleScope, scopeSet } from '../domain/google/scopes.js';
import { explainServiceAccountFailure } from '../domain/google/service-account.js';
import type { Account, Diagnosis, Grant } from '../domain/grant/grant.js';
import type { UserGrants } from './grant-cache.js';
import type { GrantRequest, RefreshFailure } from './token-request.js';

/** The grants that a decision followed from, as they were then. */
export interface DecidedBy {
  readonly user: UserGrants;
  readonly revision: number;
}

/** A refusal that follows from the service, the request and these grants alone, so that it repeats until one changes. */
export class RepeatableRefusal extends BrokerError {
  /** @param decidedBy null: the service's policy alone */
  constructor(
    { code, detail, extensions }: BrokerError,
    readonly decidedBy: DecidedBy | null,
  ) {
    super(code, detail, extensions);
  }
}

/** @throws the error, as a `RepeatableRefusal` where it is a refusal */
export function throwRepeatable(error: unknown, decidedBy: DecidedBy | null): never {
  throw error instanceof BrokerError ? new RepeatableRefusal(error, decidedBy) : error;
}

const RETRY_AFTER_SECONDS = 5;
const MAX_LISTED_ACCOUNTS = 100;

/** The errors of a token request. Where the user can fix the cause, the error has a ready link. */
@Injectable()
export class TokenErrors {
  constructor(private readonly links: ConnectTickets) {}

  ambiguousAccount(accounts: readonly Account[]): BrokerError {
    return new BrokerError(
      'ambiguous_account',
      'This user has connected several Google accounts. Say which one with account=, by sub or email.',
      { accounts: listed(accounts) },
    );
  }

  /** @param others the user's accounts, none of which was requested */
  async notConnected(request: GrantRequest, others: readonly Account[]): Promise<BrokerError> {
    if (others.length === 0) {
      const what = 'The user has not connected a Google account here.';
      return this.#withLink('not_connected', what, request, null, {});
    }
    const what = 'The user has not connected this Google account here; accounts lists the connected ones.';
    return this.#withLink('not_connected', what, request, null, { accounts: listed(others) });
  }

  async reconnectRequired(
    request: GrantRequest,
    grant: Grant,
    diagnosis = grant.diagnosis,
  ): Promise<BrokerError> {
    const { detail, ...members }: Partial<Diagnosis> = diagnosis ?? {};
    return this.#withLink('reconnect_required', detail ?? 'The grant is dead.', request, grant, members);
  }

  async insufficientScope(
    request: GrantRequest,
    grant: Grant,
    missing: readonly string[],
  ): Promise<BrokerError> {
    if (grant.kind === 'service_account') return serviceAccountWithoutScopes(grant, missing);
    const what = 'The user has not allowed all of these scopes.';
    // What is granted stays granted: the link asks for the others.
    const scopes = request.scopes.length > 0 ? missing : [];
    return this.#withLink('insufficient_scope', what, { ...request, scopes }, grant, {
      missing_scopes: missing,
    });
  }

  async ofRefresh(result: RefreshFailure, request: GrantRequest, grant: Grant): Promise<BrokerError> {
    switch (result.kind) {
      case 'failed':
        return isTransient(result.failure)
          ? unavailable(result.failure)
          : misconfigured(result.failure, grant);
      case 'dead':
        return this.reconnectRequired(request, grant, result.diagnosis);
      case 'not_narrowed':
        return new BrokerError(
          'not_allowed',
          `Google did not narrow the token to what ${request.service.name} may have.`,
        );
      case 'not_replaced':
        return new BrokerError(
          'rate_limited',
          'This token took the place of a refused one minutes ago, and Google confirms that it is valid. The API refuses the ' +
            'call for another reason: its answer says which. The token can be replaced again after Retry-After seconds.',
          { retry_after: result.retryAfterSeconds },
        );
      case 'unsaved':
        return new BrokerError(
          'database_unavailable',
          "Google's response could not be saved. Try again; contact the operator if this persists.",
          { retry_after: result.retryAfterSeconds },
        );
    }
  }

  async #withLink(
    code: BrokerErrorCode,
    what: string,
    request: GrantRequest,
    grant: Grant | null,
    members: Readonly<Record<string, unknown>>,
  ): Promise<BrokerError> {
    // What is connected during a revocation ends with it.
    if (grant?.status === 'revoking') return new BrokerError(code, what, members);
    const url = await this.#connectUrl(request, grant);
    return new BrokerError(
      code,
      url
        ? `${what} Send the user to connect_url.`
        : `${what} Name the scopes with scope= to get a link for the user.`,
      { ...members, ...(url ? { connect_url: url } : {}) },
    );
  }

  /** For the requested scopes, or those that the grant was requested with; never more than the service may request. */
  async #connectUrl(request: GrantRequest, grant: Grant | null): Promise<string | null> {
    const { policy } = request.service;
    const fallback =
      grant?.requestedScopes ?? policy.scopes.filter((scope) => scope !== '*' && isGoogleScope(scope));
    const scopes = request.scopes.length > 0 ? request.scopes : allowedScopes(policy, fallback);
    // Google refuses other scopes on its own page, which has no link back.
    if (scopes.length === 0 || !scopes.every(isGoogleScope)) return null;
    const { url } = await this.links.sealedLink({
      ...plainConnectRequest({
        serviceId: request.service.id,
        serviceName: request.service.name,
        userId: request.userId,
        client: request.client.alias,
        scopes: scopeSet(scopes),
      }),
      returnTo: request.returnTo ?? null,
      // With another account this grant would stay as it is, unnoticed, and the next call be ambiguous.
      requireAccount: grant?.kind === 'user' ? { sub: grant.account.sub } : null,
      accountHint: grant?.account.email ?? grant?.account.sub ?? hintOf(request.account),
    });
    return url;
  }
}

/** Google refuses other hints on its own page, which has no link back. */
function hintOf(account: string | null): string | null {
  return account !== null && isLoginHint(account) ? account : null;
}

function listed(accounts: readonly Account[]): Account[] {
  return accounts.slice(0, MAX_LISTED_ACCOUNTS).map(({ sub, email }) => ({ sub, email }));
}

/** No link: a consent does not give a service account more scopes. */
function serviceAccountWithoutScopes({ account }: Grant, missing: readonly string[]): BrokerError {
  return new BrokerError(
    'insufficient_scope',
    `The service account ${account.email ?? account.sub} was added without all of these scopes. The operator can add it ` +
      'again with them: `token-broker service-account add --replace`.',
    { missing_scopes: missing, who_must_act: 'operator' },
  );
}

function unavailable(failure: GoogleFailure): BrokerError {
  const { meaning, remedy } = explainFailure(failure, 'refresh');
  return new BrokerError(
    'google_unavailable',
    `Google did not issue a token (${failure.error}). ${meaning} ${remedy}`,
    { retry_after: failure.retryAfterSeconds ?? RETRY_AFTER_SECONDS },
  );
}

function misconfigured(failure: GoogleFailure, grant: Grant): BrokerError {
  const { error, description } = failure;
  const isServiceAccount = grant.kind === 'service_account';
  const refused = isServiceAccount
    ? `service account ${grant.account.email ?? grant.account.sub}`
    : `client ${grant.client}`;
  const { cause, whoMustAct, remedy } = isServiceAccount
    ? explainServiceAccountFailure(failure, grant)
    : explainClientFailure(failure);
  return new BrokerError('client_misconfigured', `Google refuses the ${refused}: ${error}. ${remedy}`, {
    google_error: error,
    google_error_description: description,
    cause,
    who_must_act: whoMustAct,
  });
}

function explainClientFailure(failure: GoogleFailure) {
  const { meaning, whoMustAct, remedy } = explainFailure(failure, 'refresh');
  // RFC 6749 section 5.2: the refresh token was issued to another client.
  const cause = failure.error === 'unauthorized_client' ? 'wrong_client' : failure.kind;
  return { cause, whoMustAct, remedy: `${meaning} ${remedy}` };
}
