import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { assertAllowed, assertMay, type Service } from '../domain/access/policy.js';
import { BrokerError } from '../domain/errors.js';
import { GoogleFailure } from '../domain/google/google-failure.js';
import type { GoogleClient } from '../domain/google/oauth.js';
import { missingScopes, SIGN_IN_SCOPES } from '../domain/google/scopes.js';
import {
  type ImportItem,
  ImportRefused,
  importResultOf,
  type ImportResult,
  type InvalidItem,
  isTransientRefusal,
  narrowedScopes,
  NO_GRANT,
  refusalByGoogle,
  resultOfRefusal,
} from '../domain/grant/grant-import.js';
import { Clock } from '../domain/ports/clock.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { GrantImportsRepository } from '../token-store/grants/grant-imports.repository.js';
import { AccountsOfImports, isAccountTrusted } from './accounts-of-imports.js';
import { type ReplacedToken, ReplacedTokens } from './replaced-tokens.js';
import { type Inspected, VerifyRefreshToken } from './verify-refresh-token.js';

/** Tokens that one import has under way. */
const CONCURRENCY = 4;

export interface ImportOptions {
  /** Null: an operator. */
  readonly service: Service | null;
  /** The service as it is now; null: it was revoked. */
  readonly findService?: () => Promise<Service | null>;
  readonly requestId: string | null;
  readonly replace: boolean;
  readonly dryRun: boolean;
  readonly callerSignal?: AbortSignal;
}

interface ImportRun extends ImportOptions {
  /** By the alias of a client: why Google rejected it. */
  readonly rejected: Map<string, GoogleFailure>;
}

/**
 * Moves grants of another system in: each refresh token is verified at Google, which says whose account it is and what it
 * covers, and stored with them. An import is idempotent: an item that is imported already is not verified again.
 * Does not own the request to Google (verify-refresh-token.ts), whose account it is (accounts-of-imports.ts) nor the rows
 * (token-store/grants/grant-imports.repository.ts).
 */
@Injectable()
export class ImportGrants {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly imports: GrantImportsRepository,
    private readonly accounts: AccountsOfImports,
    private readonly google: VerifyRefreshToken,
    private readonly replacedTokens: ReplacedTokens,
    private readonly audit: AuditLog,
  ) {}

  /**
   * One result for each item, in their order. After an outage of Google the others are not attempted.
   * @throws a fault of the database; what was imported until then stays
   */
  async *run(
    items: AsyncIterable<ImportItem | InvalidItem>,
    options: ImportOptions,
  ): AsyncGenerator<ImportResult> {
    const underWay: Promise<ImportResult>[] = [];
    const run: ImportRun = { ...options, rejected: new Map() };
    let isOutage = false;
    const settle = async () => {
      const result = (await underWay.shift()) as ImportResult;
      isOutage ||= result.cause === 'google_unavailable';
      return result;
    };
    for await (const item of items) {
      const result = this.replacedTokens.bookAfter((latest) => this.#result(item, latest, run, isOutage));
      // It is awaited later; until then a rejection must not count as unhandled.
      result.catch(() => undefined);
      underWay.push(result);
      if (underWay.length >= CONCURRENCY) yield await settle();
    }
    while (underWay.length > 0) yield await settle();
    await this.audit.flushCommitted(null);
  }

  async #result(
    item: ImportItem | InvalidItem,
    latest: ReplacedToken,
    options: ImportRun,
    isOutage: boolean,
  ): Promise<ImportResult> {
    try {
      if ('errors' in item) throw new ImportRefused('invalid_item', item);
      if (isOutage || options.callerSignal?.aborted) throw new ImportRefused('not_attempted');
      return await this.#import(item, latest, options);
    } catch (error) {
      if (!(error instanceof ImportRefused)) throw error;
      return this.#refuse(error, 'errors' in item ? null : item, options);
    }
  }

  /** @param latest keeps what Google gives in place of the token, until that is stored */
  async #import(item: ImportItem, latest: ReplacedToken, options: ImportRun): Promise<ImportResult> {
    const { userId, refreshToken } = item;
    const { service, requestId, replace, dryRun } = options;
    const caller = await this.#current(options);
    const client = this.#clientOf(item, caller);
    Object.assign(latest, { userId, client: client.alias });
    const holder = await this.imports.findHolder(userId, client.alias, refreshToken);
    if (holder === 'another') throw new ImportRefused('token_in_use');
    // With other scopes, a replacement is to be verified.
    if (holder && !(replace && item.scopes)) return importResultOf('unchanged', holder);
    const inspected = await this.#inspect(client, item, latest, options);
    const { answer } = inspected;
    const grantedScopes = narrowedScopes(item.scopes, answer.scopes);
    const isAccountVerified = isAccountTrusted(inspected, caller?.policy ?? null);
    const account = await this.accounts.of(item.account, inspected, caller?.policy ?? null);
    Object.assign(latest, { sub: account.sub, isAccountVerified });
    const current = await this.#current(options);
    asRefusal(() => {
      if (!current) return;
      assertMay(current, 'import');
      assertAllowed(current, userId, client.alias, missingScopes(grantedScopes, SIGN_IN_SCOPES));
    });
    const { idToken: _unused, ...tokens } = answer;
    const saved = await this.imports.save({
      userId,
      client: client.alias,
      account,
      isAccountVerified,
      requestedScopes: item.scopes ?? grantedScopes,
      grantedScopes,
      answer: { ...tokens, refreshToken: answer.refreshToken ?? refreshToken },
      replace,
      isDryRun: dryRun,
      audit: {
        actor: service?.name ?? 'operator',
        serviceId: service?.id ?? null,
        requestId,
        details: { account_by: inspected.sub === null ? 'caller' : 'google' },
      },
      now: this.clock.now(),
    });
    if (!('grant' in saved)) throw new ImportRefused(saved.kind);
    if (saved.grant) {
      latest.refreshToken = null;
      return importResultOf(saved.kind, saved.grant);
    }
    const would = { ...NO_GRANT, userId, client: client.alias, account, scopes: grantedScopes };
    return { ...would, status: saved.kind };
  }

  /** By its policy as it is now: a long import takes minutes. @throws {ImportRefused} where it was revoked */
  async #current({ service, findService }: ImportRun): Promise<Service | null> {
    if (!service || !findService) return service;
    const current = await findService();
    if (!current) throw new ImportRefused('not_allowed', { detail: 'The service was revoked meanwhile.' });
    return current;
  }

  async #inspect(
    client: GoogleClient,
    item: ImportItem,
    latest: ReplacedToken,
    options: ImportRun,
  ): Promise<Inspected> {
    const { service, callerSignal, rejected } = options;
    // Google said it once: the other items of a long file would get the same answer.
    const known = rejected.get(client.alias);
    if (known) throw new ImportRefused('client_misconfigured', { detail: refusalByGoogle(known).detail });
    try {
      const caller = { serviceId: service?.id ?? null, callerSignal };
      return await this.google.verify(client, item.refreshToken, latest, caller);
    } catch (error) {
      if (!(error instanceof GoogleFailure)) throw error;
      const refused = refusalByGoogle(error);
      if (refused.reason === 'client_misconfigured') rejected.set(client.alias, error);
      throw refused;
    }
  }

  /** Users and clients before anything is looked up, and the scopes as far as they are known. */
  #clientOf(item: ImportItem, service: Service | null): GoogleClient {
    try {
      const { clients } = this.settings;
      const client = service ? clients.pickFor(service, item.client) : clients.pick(item.client);
      if (service) assertAllowed(service, item.userId, client.alias, item.scopes ?? []);
      return client;
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      if (error.code === 'not_allowed') throw new ImportRefused('not_allowed', { detail: error.detail });
      throw new ImportRefused('unknown_client');
    }
  }

  #refuse(refused: ImportRefused, item: ImportItem | null, options: ImportRun): ImportResult {
    const { reason, facts } = refused;
    const { service, requestId, dryRun } = options;
    if (item !== null && !isTransientRefusal(reason) && !dryRun) {
      this.audit.recordRefusal({
        at: this.clock.now(),
        action: 'grant.import',
        outcome: reason,
        actor: service?.name ?? 'operator',
        serviceId: service?.id ?? null,
        requestId,
        userId: item.userId,
        client: item.client ?? null,
        details: facts.googleError === undefined ? {} : { google_error: facts.googleError },
      });
    }
    return resultOfRefusal(refused, item);
  }
}

function asRefusal(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    throw new ImportRefused('not_allowed', { detail: error.detail });
  }
}
