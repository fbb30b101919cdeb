import { Injectable } from '@nestjs/common';
import type { GrantRequest } from '../access-tokens/token-request.js';
import { Settings } from '../config/settings.js';
import {
  type AccessMap,
  type AccessPath,
  type AccessRefusal,
  judgeAccess,
  type Judgement,
} from '../domain/ads/access-map.js';
import type { AccessRole } from '../domain/ads/access-role.js';
import type { TreeGap } from '../domain/ads/account-tree.js';
import { explainAdsFailure } from '../domain/ads/ads-failure.js';
import { BrokerError } from '../domain/errors.js';
import type { Grant } from '../domain/grant/grant.js';
import { AccessMapCache, type SyncedMap } from './access-map-cache.js';

export interface AdsAccessRequest {
  /** For the token of a synchronization. */
  readonly request: GrantRequest;
  readonly grant: Grant;
  /** Digits, without dashes. */
  readonly customerId: string;
  readonly minRole: AccessRole | null;
  /** The most powerful role that the caller wants to act with. */
  readonly maxRole: AccessRole | null;
  /** Google answered USER_PERMISSION_DENIED to a path from the tree of this time: such a tree, or an older one, is refreshed. */
  readonly deniedSyncedAt: Date | null;
}

export interface FoundAccess {
  readonly path: AccessPath;
  /** Other sufficient paths, the best first. */
  readonly alternatives: readonly AccessPath[];
  readonly syncedAt: Date;
}

/** A refusal by a younger tree is final: requests for accounts out of reach must not use up the project's quota. */
const REFUSAL_TTL_SECONDS = 60;
/** Google can refuse what a new tree allows: one denial must not cause two synchronizations. */
const DENIAL_TTL_SECONDS = 10;
/** Blocked accounts that one refusal explains. */
const MAX_NAMED = 3;

/** Chooses the access path to a Google Ads account: the root to send as login-customer-id, and the user's role on it. */
@Injectable()
export class AdsAccessService {
  constructor(
    private readonly settings: Settings,
    private readonly maps: AccessMapCache,
  ) {}

  /** @throws {BrokerError} `no_ads_access`; without a cached tree also what a synchronization throws */
  async find(adsRequest: AdsAccessRequest): Promise<FoundAccess> {
    const { request, grant, customerId, minRole, maxRole } = adsRequest;
    let synced = await this.maps.get(request, grant, this.settings.adsMaxAge, 'serve_stale');
    const judge = () => judgeAccess(synced.map.pathsTo(customerId), minRole, maxRole);
    if (this.#isInDoubt(adsRequest, synced, judge())) synced = await this.maps.refresh(request, grant);
    const judgement = judge();
    if ('refused' in judgement) {
      throw noAdsAccess(adsRequest, judgement.refused, judgement.bestRole, synced);
    }
    return { ...judgement, syncedAt: synced.syncedAt };
  }

  #isInDoubt({ deniedSyncedAt }: AdsAccessRequest, { syncedAt }: SyncedMap, judgement: Judgement): boolean {
    const isDenied = deniedSyncedAt !== null && syncedAt <= deniedSyncedAt;
    if (!isDenied && !('refused' in judgement)) return false;
    const ttl = isDenied ? DENIAL_TTL_SECONDS : REFUSAL_TTL_SECONDS;
    return this.maps.ageSeconds(syncedAt) >= Math.max(ttl, this.settings.adsMinAge);
  }
}

function noAdsAccess(
  { customerId, minRole, maxRole, grant }: AdsAccessRequest,
  reason: AccessRefusal,
  bestRole: string | null,
  { map, syncedAt }: SyncedMap,
): BrokerError {
  const who = grant.account.email ?? grant.account.sub;
  const details: Record<AccessRefusal, string> = {
    no_access_path: `No Google Ads account of ${who} leads to ${customerId}. An administrator must invite ${who}, there or to a manager above it.${unlistedOf(map)}`,
    role_too_low: `${who} has no more than ${String(bestRole)} on ${customerId}. An administrator of the account can give more.`,
    role_too_high: `${who} has no role on ${customerId} of ${String(maxRole)} at most. An administrator of the account can invite ${who} with less. Without max_role the token is given.`,
    role_unknown: `Google does not say which role ${who} has on ${customerId}. Ask without min_role and max_role, and let Google decide.`,
  };
  return new BrokerError('no_ads_access', details[reason], {
    reason,
    customer_id: customerId,
    best_role: bestRole,
    min_role: minRole,
    max_role: maxRole,
    synced_at: syncedAt.toISOString(),
  });
}

/** Accounts below a blocked manager, and those beyond the limits of a synchronization, are not listed: a remedy may be what is needed. */
function unlistedOf({ tree }: AccessMap): string {
  const named = (why: TreeGap['why']) => tree.gaps.filter((gap) => gap.why === why).slice(0, MAX_NAMED);
  const blocked = named('blocked').map(({ customer, cause = '' }) => {
    const { meaning, remedy } = explainAdsFailure({ kind: 'blocked', error: cause, description: '' });
    return ` What is below ${customer} is not known (${cause}): ${meaning} ${remedy}`;
  });
  const cutOff = named('cut_off').map(({ customer }) => customer);
  if (cutOff.length === 0) return blocked.join('');
  return `${blocked.join('')} Not all below ${cutOff.join(', ')} was listed: raise ADS_MAX_LISTINGS, or try again where Google was slow.`;
}
