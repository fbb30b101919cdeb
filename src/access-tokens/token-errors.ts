import { Injectable } from '@nestjs/common';
import { ConnectTickets } from '../authorization/connect-ticket.js';
import { isLoginHint } from '../authorization/login-hint.js';
import { allowedScopes, type Service } from '../domain/access/policy.js';
import { plainConnectRequest } from '../domain/connect/connect-request.js';
import { BrokerError, type BrokerErrorCode } from '../domain/errors.js';
import { type GoogleFailure, isTransient } from '../domain/google/google-failure.js';
import type { GoogleClient } from '../domain/google/oauth.js';
import { isGoogleScope, scopeSet } from '../domain/google/scopes.js';
import { explainServiceAccountFailure } from '../domain/google/service-account.js';
import type { Account, Diagnosis, Grant } from '../domain/grant/grant.js';

/** What a service asks for. */
export interface TokenRequest {
  readonly service: Service;
  readonly userId: string;
  readonly client: GoogleClient;
  /** `sub` or email; null where the caller leaves it to us. */
  readonly account: string | null;
  /** What the token must be good for; empty where the caller does not say. */
  readonly scopes: readonly string[];
  readonly minTtlSeconds: number;
  /** Names the call in log and audit. */
  readonly requestId: string;
  /** Aborted when the caller has gone: nothing is asked for it any more. */
  readonly hangUp?: (() => AbortSignal) | undefined;
}

const RETRY_AFTER_SECONDS = 5;

/** The refusals of the token endpoint. Where the user can mend it, each carries a ready link. */
@Injectable()
export class TokenErrors {
  constructor(private readonly links: ConnectTickets) {}

  /** @param others the accounts that the user has connected, none of which was meant */
  async notConnected(tokenRequest: TokenRequest, others: readonly Account[]): Promise<BrokerError> {
    if (others.length === 0) {
      const what = 'The user has not connected a Google account here.';
      return this.#withLink('not_connected', what, tokenRequest, null, {});
    }
    const what = 'The user has not connected this Google account here; accounts says which there are.';
    return this.#withLink('not_connected', what, tokenRequest, null, { accounts: listed(others) });
  }

  async reconnectRequired(
    tokenRequest: TokenRequest,
    grant: Grant,
    diagnosis = grant.diagnosis,
  ): Promise<BrokerError> {
    const { detail, ...members }: Partial<Diagnosis> = diagnosis ?? {};
    return this.#withLink('reconnect_required', detail ?? 'The grant is dead.', tokenRequest, grant, members);
  }

  async insufficientScope(
    tokenRequest: TokenRequest,
    grant: Grant,
    missing: readonly string[],
  ): Promise<BrokerError> {
    if (grant.kind === 'service_account') return withoutScopes(grant, missing);
    return this.#withLink(
      'insufficient_scope',
      'The user has not allowed all of these scopes.',
      tokenRequest,
      grant,
      {
        missing_scopes: missing,
      },
    );
  }

  ofGoogle(failure: GoogleFailure, grant: Grant): BrokerError {
    if (isTransient(failure)) {
      return new BrokerError(
        'google_unavailable',
        failure.error === 'queue_timeout'
          ? 'Too many calls wait for Google before this one (queue_timeout). Try again soon.'
          : `Google did not give a token (${failure.error}). Try again soon.`,
        {
          retry_after: failure.retryAfterSeconds ?? RETRY_AFTER_SECONDS,
        },
      );
    }
    const isServiceAccount = grant.kind === 'service_account';
    const whom = isServiceAccount
      ? `service account ${grant.account.email ?? grant.account.sub}`
      : `client ${grant.client}`;
    const { cause, whoMustAct, mend } = isServiceAccount
      ? explainServiceAccountFailure(failure, grant)
      : misconfiguration(failure);
    return new BrokerError('client_misconfigured', `Google refuses the ${whom}: ${failure.error}. ${mend}`, {
      google_error: failure.error,
      google_error_description: failure.description,
      cause,
      who_must_act: whoMustAct,
    });
  }

  async #withLink(
    code: BrokerErrorCode,
    what: string,
    tokenRequest: TokenRequest,
    grant: Grant | null,
    members: Readonly<Record<string, unknown>>,
  ): Promise<BrokerError> {
    // What is connected while a revocation is under way ends with it.
    if (grant?.status === 'revoking') return new BrokerError(code, what, members);
    const url = await this.#connectUrl(tokenRequest, grant);
    return new BrokerError(
      code,
      url
        ? `${what} Send the user to connect_url.`
        : `${what} Name the scopes with scope= to get a link for the user.`,
      { ...members, ...(url ? { connect_url: url } : {}) },
    );
  }

  /** Asks for what is wanted and, for a dead grant, what it held; never more than the service may ask for. */
  async #connectUrl(tokenRequest: TokenRequest, grant: Grant | null): Promise<string | null> {
    const { policy } = tokenRequest.service;
    const fallback =
      grant?.requestedScopes ?? policy.scopes.filter((scope) => scope !== '*' && isGoogleScope(scope));
    const scopes = tokenRequest.scopes.length > 0 ? tokenRequest.scopes : allowedScopes(policy, fallback);
    // Google would refuse them on its own page: no link is better than that one.
    if (scopes.length === 0 || !scopes.every(isGoogleScope)) return null;
    const { url } = await this.links.create({
      ...plainConnectRequest({
        serviceId: tokenRequest.service.id,
        serviceName: tokenRequest.service.name,
        userId: tokenRequest.userId,
        client: tokenRequest.client.alias,
        scopes: scopeSet(scopes),
      }),
      accountHint: grant?.account.email ?? grant?.account.sub ?? hintOf(tokenRequest.account),
    });
    return url;
  }
}

/** What Google would refuse on its own page, without a way back, is left out. */
function hintOf(account: string | null): string | null {
  return account !== null && isLoginHint(account) ? account : null;
}

const MAX_ACCOUNTS = 100;

/** Accounts as a refusal lists them. */
export function listed(accounts: readonly Account[]): Account[] {
  return accounts.slice(0, MAX_ACCOUNTS).map(({ sub, email }) => ({ sub, email }));
}

/** No consent gives a service account more: no link. */
function withoutScopes({ account }: Grant, missing: readonly string[]): BrokerError {
  return new BrokerError(
    'insufficient_scope',
    `The service account ${account.email ?? account.sub} was added without all of these scopes. The operator can add it ` +
      'again with them: `token-broker service-account add --replace`.',
    { missing_scopes: missing, who_must_act: 'operator' },
  );
}

function misconfiguration({ kind, error }: GoogleFailure) {
  const whoMustAct = 'operator' as const;
  if (kind === 'scope_rejected') {
    return {
      cause: 'scope_rejected',
      whoMustAct,
      mend: "A scope of this grant is not known to Google any more, or not enabled for the project: see its console's Data Access.",
    };
  }
  return {
    // RFC 6749 section 5.2: the refresh token was issued to another client.
    cause: error === 'unauthorized_client' ? 'wrong_client' : 'client_rejected',
    whoMustAct,
    mend:
      'Compare its client_secret JSON with the Google console (deleted, disabled, or with a new secret?), ' +
      'then run `token-broker client check`.',
  };
}
