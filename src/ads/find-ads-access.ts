import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { judgeAccess, type AccessRefusal, type Judgement } from '../domain/ads/judge-access.js';
import { BrokerError } from '../domain/errors.js';
import { AdsAccess, type AdsAccessWish, type FoundAccess } from '../domain/ports/ads-access.js';
import { AccountMaps, type SyncedMap } from './account-maps.js';

/** A tree that is younger says no for good: services that ask for what they may not have must not use up our quota. */
const BELIEVED_SECONDS = 60;
/** Google itself can say otherwise than the tree, but one denial shall not cause two synchronisations. */
const UNDENIABLE_SECONDS = 10;

/** Chooses the root for a call to one Google Ads account. */
@Injectable()
export class FindAdsAccess extends AdsAccess {
  constructor(
    private readonly settings: Settings,
    private readonly maps: AccountMaps,
  ) {
    super();
  }

  override async find(wish: AdsAccessWish): Promise<FoundAccess> {
    const { token, grant, customerId, minRole } = wish;
    let synced = await this.maps.get(token, grant, this.settings.adsMaxAgeSeconds, 'make_do');
    const judge = () => judgeAccess(synced.map.waysTo(customerId), minRole);
    if (this.#isInDoubt(wish, synced, judge())) synced = await this.maps.refresh(token, grant);
    const judgement = judge();
    if ('refused' in judgement) throw refusal(wish, judgement.refused, judgement.bestRole, synced.syncedAt);
    return { ...judgement, syncedAt: synced.syncedAt };
  }

  #isInDoubt({ deniedTreeOf }: AdsAccessWish, { syncedAt }: SyncedMap, judgement: Judgement): boolean {
    const age = this.maps.ageSeconds(syncedAt);
    if (deniedTreeOf !== null && syncedAt <= deniedTreeOf) return age >= UNDENIABLE_SECONDS;
    return 'refused' in judgement && age >= BELIEVED_SECONDS;
  }
}

function refusal(
  { customerId, minRole, grant }: AdsAccessWish,
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
