import { Injectable } from '@nestjs/common';
import type { UserTokenRequest } from '../access-tokens/user-tokens.js';
import { Settings } from '../config/settings.js';
import {
  type AccessPath,
  type AccessRefusal,
  judgeAccess,
  type Judgement,
} from '../domain/ads/access-map.js';
import type { AccessRole } from '../domain/ads/access-role.js';
import { BrokerError } from '../domain/errors.js';
import type { Grant } from '../domain/grant/grant.js';
import { AccessMapCache, type SyncedMap } from './access-map-cache.js';

export interface AdsAccessRequest {
  /** Used only where the tree must be asked for. */
  readonly token: UserTokenRequest;
  readonly grant: Grant;
  /** Digits, without dashes. */
  readonly customerId: string;
  readonly minRole: AccessRole | null;
  /** Google answered USER_PERMISSION_DENIED to a way of the tree of this time: an older or equal one is refreshed. */
  readonly deniedTreeOf: Date | null;
}

export interface FoundAccess {
  readonly path: AccessPath;
  /** Other ways that would do, the best first. */
  readonly alternatives: readonly AccessPath[];
  readonly syncedAt: Date;
}

/** A tree that is younger says no for good: services that ask for what they may not have must not use up our quota. */
const BELIEVED_SECONDS = 60;
/** Google itself can say otherwise than the tree, but one denial shall not cause two synchronisations. */
const UNDENIABLE_SECONDS = 10;

/**
 * Which root leads a user to a Google Ads account, and with which role.
 *
 * Chooses the root for a call to one Google Ads account.
 */
@Injectable()
export class AdsAccess {
  constructor(
    private readonly settings: Settings,
    private readonly maps: AccessMapCache,
  ) {}

  /**
   * @throws {BrokerError} `no_ads_access`; and what a synchronisation can throw, where there is no tree yet
   */
  async find(tokenRequest: AdsAccessRequest): Promise<FoundAccess> {
    const { token, grant, customerId, minRole } = tokenRequest;
    let synced = await this.maps.get(token, grant, this.settings.adsMaxAgeSeconds, 'make_do');
    const judge = () => judgeAccess(synced.map.waysTo(customerId), minRole);
    if (this.#isInDoubt(tokenRequest, synced, judge())) synced = await this.maps.refresh(token, grant);
    const judgement = judge();
    if ('refused' in judgement)
      throw refusal(tokenRequest, judgement.refused, judgement.bestRole, synced.syncedAt);
    return { ...judgement, syncedAt: synced.syncedAt };
  }

  #isInDoubt({ deniedTreeOf }: AdsAccessRequest, { syncedAt }: SyncedMap, judgement: Judgement): boolean {
    const age = this.maps.ageSeconds(syncedAt);
    if (deniedTreeOf !== null && syncedAt <= deniedTreeOf) return age >= UNDENIABLE_SECONDS;
    return 'refused' in judgement && age >= BELIEVED_SECONDS;
  }
}

function refusal(
  { customerId, minRole, grant }: AdsAccessRequest,
  reason: AccessRefusal,
  bestRole: string | null,
  syncedAt: Date,
): BrokerError {
  const who = grant.account.email ?? grant.account.sub;
  const details: Record<AccessRefusal, string> = {
    no_way: `No Google Ads account of ${who} leads to ${customerId}. Somebody must invite ${who}, there or to a manager above it.`,
    role_too_low: `${who} has no more than ${String(bestRole)} on ${customerId}. An administrator of the account can give more.`,
    role_unknown: `Google does not tell which role ${who} has on ${customerId}. Ask without min_role, and let Google decide.`,
  };
  return new BrokerError('no_ads_access', details[reason], {
    reason,
    customer_id: customerId,
    best_role: bestRole,
    min_role: minRole,
    synced_at: syncedAt.toISOString(),
  });
}
