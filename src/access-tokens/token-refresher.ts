import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Settings } from '../config/settings.js';
import type { AuditDetail } from '../domain/audit-entry.js';
import { asGoogleFailure, BrokenTokenResponse, GoogleFailure } from '../domain/google/google-failure.js';
import { sameScopes, scopeKey, scopeSet } from '../domain/google/scopes.js';
import { backoffAfter, type Lease } from '../domain/grant/lease-and-backoff.js';
import { diagnose } from '../domain/grant/diagnosis.js';
import type { AccessToken, Grant, GoogleTokenResponse } from '../domain/grant/grant.js';
import { changeBy } from '../domain/grant/refresh-outcome.js';
import { hasExpired, secondsUntilReplaceable } from '../domain/grant/token-freshness.js';
import { Clock } from '../domain/ports/clock.js';
import { GoogleOAuthClient } from '../google/oauth/google-oauth.client.js';
import { GoogleTurns } from '../google/oauth/refresh-requests.js';
import { RefreshAccessToken } from '../google/oauth/refresh-access-token.js';
import { type SharedWork, TurnNotTaken, WorkInFlight } from '../outbound/shared-work.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { RefreshLeaseRepository } from '../token-store/grants/refresh-lease.repository.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';
import { tokenIdOf } from './grant-cache.js';
import { RefreshResults } from './refresh-results.js';
import type { GrantRequest, RefreshFailure, RefreshResult } from './token-request.js';

/** On whose behalf Google is asked. Other callers may wait for the same refresh. */
interface Requester extends Pick<GrantRequest, 'requestId'> {
  readonly service: Pick<GrantRequest['service'], 'id'>;
}

interface RefreshCaller extends Requester, Pick<GrantRequest, 'callerSignal'> {
  /** The current token is still served meanwhile. */
  readonly isBackground?: boolean;
  /** The current token, where Google refused it as the caller says. */
  readonly refused?: AccessToken | null;
}

interface Task {
  readonly grant: Grant;
  readonly scopes: readonly string[];
  readonly refused: AccessToken | null;
  /** The refused token, where Google is asked whether it accepts it: it has just taken the place of another. */
  readonly doubted: AccessToken | null;
}

/** Beyond the timeouts of the requests to Google, so that a lease expires only when its owner crashed. */
const LEASE_MARGIN_MS = 2000;
/** A replica that waits for another's lease is notified of its end, and polls besides. */
const POLL_MS = 200;

/**
 * Refreshes access tokens. However many callers request one, Google receives one request: within this process they
 * share the work in flight, across replicas a lease decides. No database connection is held while Google answers. The
 * number of concurrent requests is limited; services get their turns from a fair queue, and the lease is taken after it.
 */
@Injectable()
export class TokenRefresher implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #log = new Logger(TokenRefresher.name);
  readonly #work: WorkInFlight<RefreshResult, Requester>;
  #isStopping = false;

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly google: GoogleOAuthClient,
    private readonly refreshAccessToken: RefreshAccessToken,
    private readonly leases: RefreshLeaseRepository,
    private readonly results: RefreshResults,
    private readonly changes: ChangeFeed,
    private readonly ledger: SlotLedgerRepository,
    private readonly audit: AuditLog,
    turns: GoogleTurns,
  ) {
    this.#work = new WorkInFlight(turns, settings.googleQueueMs);
  }

  /** Every failure is a result; only faults of the database or of a seal are thrown. */
  async refresh(grant: Grant, scopes: readonly string[], caller: RefreshCaller): Promise<RefreshResult> {
    const { service, isBackground = false, callerSignal } = caller;
    const lane = { service: service.id, client: grant.client, isBackground };
    const now = this.clock.now();
    // Google refuses each token that has expired.
    const refused = caller.refused && !hasExpired(caller.refused, now) ? caller.refused : null;
    const isDoubted = refused !== null && secondsUntilReplaceable(refused, now) > 0;
    const task = { grant, scopes, refused, doubted: isDoubted ? refused : null };
    const key = `${grant.id} ${grant.version} ${isDoubted ? tokenIdOf(refused) : scopeKey(scopes)}`;
    try {
      return await this.#work.share(key, { lane, about: caller, callerSignal: callerSignal?.() }, (work) =>
        this.#refresh(task, work),
      );
    } catch (error) {
      if (error instanceof TurnNotTaken) return withheld(error.why);
      throw error;
    }
  }

  /** Waiting for other replicas' leases ends, and background refreshes are left to the next start. */
  beforeApplicationShutdown(): void {
    this.#isStopping = true;
    this.#work.dropBackground();
  }

  /** Each refresh hands its lease back. */
  async onApplicationShutdown(): Promise<void> {
    await this.#work.ended();
  }

  async #refresh(task: Task, work: SharedWork<RefreshResult, Requester>): Promise<RefreshResult> {
    const { grant, scopes, doubted } = task;
    const known = doubted ? this.results.verdictOn(tokenIdOf(doubted)) : this.results.find(grant, scopes);
    if (known) return known;
    for (;;) {
      const outcome = await work.turn((release) => this.#takeTurn(task, work.about, release));
      if (outcome.kind !== 'held') return outcome;
      if (this.#isStopping) return withheld('stopping');
      await this.changes.nextChange(grant.userId, grant.client, Math.min(outcome.ms, POLL_MS));
    }
  }

  /** Ends its turn once Google has answered: the next request need not wait for the database. @returns `held` as `take` does */
  async #takeTurn({ grant, scopes, refused, doubted }: Task, requester: Requester, release: () => void) {
    // A user's refresh is sent a second time where Google refuses to narrow.
    const requests = grant.kind === 'user' ? 2 : 1;
    const leaseMs = requests * this.settings.googleTimeoutMs + LEASE_MARGIN_MS;
    const outcome = await this.leases.take(grant, leaseMs, refused !== null);
    if (outcome.kind === 'backoff') {
      const backoff = withheld('recent_failure', Math.ceil(outcome.ms / 1000));
      this.results.cacheFailure(grant, scopes, backoff);
      return backoff;
    }
    if (outcome.kind !== 'taken') return outcome;
    const { lease } = outcome;
    try {
      const asking = doubted ? this.#askAbout(doubted, lease, release) : this.#askFor(lease, scopes, release);
      // google/ throws its failures. From here on a failure is a value.
      const result = await asking.catch((error: unknown) =>
        this.#fail(lease, asGoogleFailure(error), requester),
      );
      if (result.kind === 'token') {
        const cause = refused ? { refused: tokenIdOf(refused) } : {};
        this.#record('ok', grant, requester, { scopes: result.token.scopes, ...cause });
      }
      if (result.kind === 'not_narrowed') this.results.cacheFailure(grant, scopes, result);
      return result;
    } catch (error) {
      await this.leases.giveUp(lease, 0).catch(() => undefined);
      throw error;
    }
  }

  /** Ends the lease, where it returns. @throws {GoogleFailure} */
  async #askFor(lease: Lease, scopes: readonly string[], release: () => void): Promise<RefreshResult> {
    const refreshed = await this.refreshAccessToken.refresh(lease, scopes).finally(release);
    if (refreshed.kind === 'grant_only') return this.results.save(lease, refreshed);
    if (refreshed.kind === 'not_narrowed') {
      if (refreshed.issued.refreshToken === null) await this.leases.giveUp(lease, 0);
      else await this.results.save(lease, { ...refreshed, kind: 'grant_only' });
      return { kind: 'not_narrowed' };
    }
    const result = await this.#save(lease, refreshed.scopes, refreshed.response);
    // The grant is as its row says: a token for part of it was requested, and Google did not narrow.
    const isWider = result.kind === 'token' && !sameScopes(refreshed.scopes, scopes);
    return isWider ? { kind: 'not_narrowed' } : result;
  }

  /**
   * Whether the grant is dead although Google has just issued a token of it: a caller that says so is not enough to end the
   * grant for all others. Ends the lease, where it returns.
   * @throws {GoogleFailure} when it is
   */
  async #askAbout(doubted: AccessToken, lease: Lease, release: () => void): Promise<RefreshResult> {
    const failure = await this.google.assertAccepted(doubted.token).then(() => null, asGoogleFailure);
    release();
    const isExpired = hasExpired(doubted, this.clock.now());
    // A service account has no consent that could end.
    if (failure?.kind === 'grant_dead' && !isExpired && lease.grant.kind === 'user') throw failure;
    await this.leases.giveUp(lease, 0);
    if (isExpired) return { kind: 'changed' };
    const retryAfterSeconds = secondsUntilReplaceable(doubted, this.clock.now());
    const result: RefreshFailure = failure
      ? { kind: 'failed', failure: new GoogleFailure('unavailable', failure.error, failure.description) }
      : { kind: 'not_replaced', retryAfterSeconds };
    this.results.cacheVerdict(tokenIdOf(doubted), result);
    return result;
  }

  /** Where Google gave fewer scopes than requested, the grant holds fewer: the token is not handed out before that is saved. */
  #save(lease: Lease, scopes: readonly string[], response: GoogleTokenResponse): Promise<RefreshResult> {
    const { accessToken: token, obtainedAt, expiresAt } = response;
    const { replacesRefused } = lease;
    const issued = { token, obtainedAt, expiresAt, scopes: scopeSet(response.scopes), replacesRefused };
    const isAsRequested = sameScopes(response.scopes, scopes);
    const outcome = { kind: 'token', scopes, response, token: isAsRequested ? issued : null } as const;
    return this.results.save(lease, outcome);
  }

  /** Google's description stays out of log and audit trail: it is free text. */
  async #fail(lease: Lease, failure: GoogleFailure, requester: Requester): Promise<RefreshResult> {
    const { grant } = lease;
    const { kind, error, subtype } = failure;
    const isDead = kind === 'grant_dead' || kind === 'policy_rejected';
    // During an outage of the database the diagnosis has less to go by; the grant is dead all the same.
    const ledgerSays = isDead ? await this.ledger.endReason(grant).catch(() => null) : null;
    const diagnosis = isDead ? diagnose(failure, { grant, now: this.clock.now(), ledgerSays }) : null;
    if (kind !== 'withheld') {
      this.#log.warn({ grant: grant.id, kind, error, subtype }, 'refresh failed');
      this.#record(kind, grant, requester, {
        google_error: error,
        ...(subtype === null ? {} : { google_error_subtype: subtype }),
        ...(diagnosis ? { cause: diagnosis.cause, confidence: diagnosis.confidence } : {}),
      });
    }
    if (diagnosis) return this.results.save(lease, { kind: 'dead', diagnosis });
    const result = { kind: 'failed', failure } as const;
    this.results.cacheFailure(grant, [], result);
    const backoffMs =
      kind === 'unavailable' ? backoffAfter(lease.failures + 1, failure.retryAfterSeconds, Math.random()) : 0;
    // Where this fails, the lease expires; the callers get Google's failure all the same.
    if (failure instanceof BrokenTokenResponse)
      await this.results.save(lease, changeBy(failure, grant, backoffMs));
    else await this.leases.giveUp(lease, backoffMs).catch(() => undefined);
    return result;
  }

  #record(outcome: string, grant: Grant, requester: Requester, details: Record<string, AuditDetail>): void {
    this.audit.record({
      at: this.clock.now(),
      action: 'token.refresh',
      outcome,
      actor: 'google',
      serviceId: requester.service.id,
      userId: grant.userId,
      client: grant.client,
      grantId: grant.id,
      requestId: requester.requestId,
      details,
    });
  }
}

/** Google was not asked. */
function withheld(error: string, retryAfterSeconds: number | null = null) {
  const failure = new GoogleFailure('withheld', error, '', null, retryAfterSeconds);
  return { kind: 'failed', failure } as const;
}
