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
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { GrantsRepository } from '../token-store/grants/grants.repository.js';
import { ServiceAccountsRepository } from '../token-store/grants/service-accounts.repository.js';

const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,255}$/;

/** A service account that shall hold access for a user of the app. */
export interface NewServiceAccount {
  readonly userId: string;
  /** An alias; undefined picks as everywhere. */
  readonly client: string | undefined;
  readonly account: Account;
  /** The JSON file of Google's console. */
  readonly key: Secret;
  readonly subject: string | null;
  readonly scopes: readonly string[];
  /** Whether it may take the place of the same service account. */
  readonly replace: boolean;
  /** YouTube Reporting, for content owners, has the scopes of YouTube Analytics and does take service accounts. */
  readonly forYouTubeReporting: boolean;
}

export interface AddedServiceAccount {
  readonly grant: Grant;
  readonly replaced: boolean;
  /** The user's other accounts under this client: callers must say now which one they mean. */
  readonly others: readonly Account[];
}

@Injectable()
export class AddServiceAccount {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly grants: GrantsRepository,
    private readonly serviceAccounts: ServiceAccountsRepository,
    private readonly audit: AuditLog,
  ) {}

  /** @throws {BrokerError} `invalid_request` for all that `add` refuses */
  async assertPossible(order: NewServiceAccount): Promise<void> {
    assertSound(order);
    const client = this.settings.clients.pick(order.client).alias;
    const held = await this.grants.findByUser(order.userId, client);
    const same = held.find(({ account }) => account.sub === order.account.sub);
    if (same && !order.replace) throw taken(order, client);
  }

  /** @throws {BrokerError} `invalid_request`: malformed, scopes that Google refuses here, or held already */
  async add(order: NewServiceAccount): Promise<AddedServiceAccount> {
    await this.assertPossible(order);
    const { userId, account, subject } = order;
    const client = this.settings.clients.pick(order.client).alias;
    const now = this.clock.now();
    const kept = await this.serviceAccounts.keep({ ...order, client, now });
    if (!kept) throw taken(order, client);
    const { grant, replaced } = kept;
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
    await this.audit.flush();
    const living = (await this.grants.findByUser(userId, client)).filter(({ status }) => status === 'active');
    return { ...kept, others: living.filter(({ id }) => id !== grant.id).map((other) => other.account) };
  }
}

function assertSound({ userId, account, subject, scopes, forYouTubeReporting }: NewServiceAccount): void {
  const errors: Record<string, string> = {};
  if (!isUserId(userId)) errors['user'] = USER_ID_RULE;
  if (account.sub === '') errors['key'] = 'lacks client_id, the number of the service account.';
  const kept = [account.sub, account.email ?? ''];
  if (!kept.every(isPlainText)) errors['key'] = 'holds control characters in client_id or client_email.';
  if (subject !== null && !(EMAIL.test(subject) && isPlainText(subject)))
    errors['subject'] = 'must be the email address of a user.';
  const unknown = scopes.filter((scope) => !isScope(scope));
  if (scopes.length === 0) errors['scope'] = 'must name at least one scope.';
  if (unknown.length > 0)
    errors['scope'] = `${unknown.join(' ')} is no scope; scopes are https URLs, openid, email or profile.`;
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
