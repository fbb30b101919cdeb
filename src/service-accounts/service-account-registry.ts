import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { isUserId, USER_ID_RULE } from '../domain/access/user-rule.js';
import { BrokerError, invalidRequest } from '../domain/errors.js';
import { isScope, scopeSet } from '../domain/google/scopes.js';
import { youTubeAnalyticsScopes } from '../domain/google/service-account.js';
import type { Account, Grant } from '../domain/grant/grant.js';
import { Clock } from '../domain/ports/clock.js';
import type { Secret } from '../domain/secret.js';
import { isPlainText } from '../domain/text.js';
import { isUuid } from '../domain/text.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { ServiceAccountsRepository } from '../token-store/grants/service-accounts.repository.js';

const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,255}$/;

/** A service account that becomes the grant of a user. */
export interface NewServiceAccount {
  readonly userId: string;
  /** An alias; undefined selects the default client. */
  readonly client: string | undefined;
  readonly account: Account;
  /** The JSON key file from Google's console. */
  readonly key: Secret;
  readonly subject: string | null;
  readonly scopes: readonly string[];
  /** Whether it may replace the user's grant of the same service account. */
  readonly replace: boolean;
  /** YouTube Reporting, for content owners, shares the scopes of YouTube Analytics and accepts service accounts. */
  readonly forYouTubeReporting: boolean;
}

export interface AddedServiceAccount {
  readonly grant: Grant;
  readonly replaced: boolean;
  /** The user's other accounts under this client: callers must now name one with `account`. */
  readonly others: readonly Account[];
}

@Injectable()
export class ServiceAccountRegistry {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly serviceAccounts: ServiceAccountsRepository,
    private readonly audit: AuditLog,
  ) {}

  /** @throws {BrokerError} `invalid_request` for everything that `add` refuses */
  async assertPossible(request: NewServiceAccount): Promise<void> {
    assertValid(request);
    const client = this.settings.clients.pick(request.client).alias;
    const held = await this.grants.findByUser(request.userId, client);
    const same = held.find(({ account }) => account.sub === request.account.sub);
    if (same && !request.replace) throw taken(request, client);
  }

  /** @throws {BrokerError} `invalid_request`: malformed, scopes that Google refuses here, or held already */
  async add(request: NewServiceAccount): Promise<AddedServiceAccount> {
    await this.assertPossible(request);
    const { userId, account, subject } = request;
    const client = this.settings.clients.pick(request.client).alias;
    const now = this.clock.now();
    const stored = await this.serviceAccounts.keep({ ...request, client, now });
    if (!stored) throw taken(request, client);
    const { grant, replaced } = stored;
    this.audit.record({
      at: now,
      action: 'service_account.add',
      outcome: 'ok',
      actor: 'operator',
      userId,
      client,
      grantId: grant.id,
      details: { account: account.sub, email: account.email, subject, scopes: grant.grantedScopes, replaced },
    });
    await this.audit.flushCommitted([userId]);
    const active = (await this.grants.findByUser(userId, client)).filter(({ status }) => status === 'active');
    return { ...stored, others: active.filter(({ id }) => id !== grant.id).map((other) => other.account) };
  }

  /**
   * Removes a key and its access tokens. Google is not called: the key itself stays valid.
   * @returns what was removed; null when no service account has this id
   */
  async remove(grantId: string): Promise<Grant | null> {
    const read = () => (isUuid(grantId) ? this.grants.findById(grantId) : null);
    let grant = await read();
    // Another key may have replaced the one that was read.
    while (grant?.kind === 'service_account' && !(await this.grants.delete(grant, false, this.clock.now())))
      grant = await read();
    if (grant?.kind !== 'service_account') return null;
    this.audit.record({
      at: this.clock.now(),
      action: 'service_account.remove',
      outcome: 'ok',
      actor: 'operator',
      userId: grant.userId,
      client: grant.client,
      grantId,
      details: { account: grant.account.sub, email: grant.account.email },
    });
    await this.audit.flushCommitted([grant.userId]);
    return grant;
  }
}

function assertValid({ userId, account, subject, scopes, forYouTubeReporting }: NewServiceAccount): void {
  const errors: Record<string, string> = {};
  if (!isUserId(userId)) errors['user'] = USER_ID_RULE;
  if (account.sub === '') errors['key'] = 'lacks client_id, the number of the service account.';
  const stored = [account.sub, account.email ?? ''];
  if (!stored.every(isPlainText)) errors['key'] = 'holds control characters in client_id or client_email.';
  if (subject !== null && !(EMAIL.test(subject) && isPlainText(subject)))
    errors['subject'] = 'must be the email address of a user.';
  const unknown = scopes.filter((scope) => !isScope(scope));
  if (scopes.length === 0) errors['scope'] = 'must name at least one scope.';
  if (unknown.length > 0)
    errors['scope'] = `${unknown.join(' ')} is not a scope; scopes are https URLs, openid, email or profile.`;
  if (Object.keys(errors).length > 0) throw invalidRequest(errors);
  const refused = youTubeAnalyticsScopes(scopeSet(scopes));
  if (refused.length === 0 || forYouTubeReporting) return;
  throw new BrokerError(
    'invalid_request',
    `Google's YouTube Analytics API takes no service accounts (${refused.join(' ')}). Let a user who may see the channel ` +
      'connect instead (POST /connect/tickets). For the YouTube Reporting API of a content owner, which has the same ' +
      'scopes and does take them, add --youtube-reporting.',
    { refused: 'youtube_analytics' },
  );
}

function taken({ userId, account }: NewServiceAccount, client: string): BrokerError {
  return new BrokerError(
    'invalid_request',
    `The user ${userId} has the service account ${account.email ?? account.sub} already (client ${client}). Give it ` +
      'another key, subject or scopes with --replace.',
    { taken: 'service_account' },
  );
}
