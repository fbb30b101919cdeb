import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { diagnose } from '../domain/diagnosis.js';
import { GoogleFailure } from '../domain/google-failure.js';
import type { AccessToken, Diagnosis, Grant, TokenAnswer } from '../domain/grant.js';
import { Clock } from '../domain/ports/clock.js';
import { Google } from '../domain/ports/google.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { SlotLedger } from '../domain/ports/slot-ledger.js';
import { missingScopes, sameScopes, scopeSet } from '../domain/scopes.js';
import type { Secret } from '../domain/secret.js';
import { ReportRefreshFailure, type Asker } from './report-refresh-failure.js';

export type Refreshed =
  | { readonly kind: 'token'; readonly token: AccessToken }
  /** The grant is dead, and marked so. */
  | { readonly kind: 'dead'; readonly diagnosis: Diagnosis }
  /** The grant is not what it was: a consent or disconnect came in between, or Google changed its scopes. */
  | { readonly kind: 'changed' }
  /** Google gave more than was asked. Nothing was kept of it. */
  | { readonly kind: 'not_narrowed' };

/**
 * Asks Google for a new access token and keeps it. However many callers ask at once, Google is asked once for one
 * grant and set of scopes: within this process by the map below. (Across replicas a lease will do the same; its
 * place is around `#refresh`, see docs/architecture.md.)
 */
@Injectable()
export class RefreshAccessToken {
  readonly #underWay = new Map<string, Promise<Refreshed>>();

  constructor(
    private readonly settings: Settings,
    private readonly google: Google,
    private readonly clock: Clock,
    private readonly grants: GrantStore,
    private readonly ledger: SlotLedger,
    private readonly failure: ReportRefreshFailure,
  ) {}

  /**
   * @param seen the token that the caller found too old; one that lives longer makes asking Google needless
   * @throws {GoogleFailure} of every kind but `grant_dead` and `policy_rejected`
   */
  refresh(
    grant: Grant,
    scopes: readonly string[],
    seen: AccessToken | null,
    asker: Asker,
  ): Promise<Refreshed> {
    const key = `${grant.id} ${grant.version} ${scopeSet(scopes).join(' ')}`;
    const underWay = this.#underWay.get(key);
    if (underWay) return underWay;
    const started = this.#refresh(grant, scopes, seen, asker).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, started);
    return started;
  }

  async #refresh(
    grant: Grant,
    scopes: readonly string[],
    seen: AccessToken | null,
    asker: Asker,
  ): Promise<Refreshed> {
    // Read before asking: while this caller was on its way, another may have refreshed.
    const stored = await this.grants.accessToken(grant, scopes);
    if (stored && (!seen || stored.expiresAt > seen.expiresAt)) return { kind: 'token', token: stored };
    const refreshToken = await this.grants.refreshToken(grant);
    if (refreshToken === null) return { kind: 'changed' };
    try {
      return await this.#askGoogle(grant, refreshToken, scopes);
    } catch (error) {
      if (!(error instanceof GoogleFailure)) throw error;
      if (error.kind !== 'grant_dead' && error.kind !== 'policy_rejected') {
        this.failure.report(error, grant, asker, null);
        throw error;
      }
      const ledgerSays = await this.ledger.endReason(grant.id);
      const diagnosis = diagnose(error, { grant, now: this.clock.now(), ledgerSays });
      this.failure.report(error, grant, asker, diagnosis);
      const marked = await this.grants.markDead(grant, diagnosis, this.clock.now());
      return marked ? { kind: 'dead', diagnosis } : { kind: 'changed' };
    }
  }

  /** No database connection is held while Google answers. */
  async #askGoogle(grant: Grant, refreshToken: Secret, scopes: readonly string[]): Promise<Refreshed> {
    const client = this.settings.clients.pick(grant.client);
    const isWhole = sameScopes(scopes, grant.grantedScopes);
    const ask = (narrowTo: readonly string[] | null) =>
      this.google.refresh(client, refreshToken, grant.grantedScopes, narrowTo);
    const save = (asked: readonly string[], answer: TokenAnswer) =>
      this.grants.saveRefresh(grant, asked, answer, this.clock.now());

    if (!isWhole) {
      const answer = await ask(scopeSet(scopes)).catch(nullIfScopeRejected);
      // Narrowing is honoured by Google but documented nowhere: an answer is believed only as far as it says.
      if (answer && missingScopes(answer.scopes, scopes).length > 0) return { kind: 'not_narrowed' };
      if (answer && sameScopes(answer.scopes, scopes)) {
        return (await save(scopes, answer)) ? tokenOf(answer) : { kind: 'changed' };
      }
      // The grant holds less than we thought. What it holds is learned by asking for all of it, below.
    }
    const whole = await ask(null);
    const saved = await save(grant.grantedScopes, whole);
    if (!saved || !sameScopes(whole.scopes, grant.grantedScopes)) return { kind: 'changed' };
    // The grant is what we thought; if it was not asked for whole, Google does not narrow it.
    return isWhole ? tokenOf(whole) : { kind: 'not_narrowed' };
  }
}

function tokenOf({ accessToken, expiresAt, scopes }: TokenAnswer): Refreshed {
  return { kind: 'token', token: { token: accessToken, expiresAt, scopes: scopeSet(scopes) } };
}

function nullIfScopeRejected(error: unknown): null {
  if (error instanceof GoogleFailure && error.kind === 'scope_rejected') return null;
  throw error;
}
