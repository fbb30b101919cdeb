import { ApiProperty } from '@nestjs/swagger';
import { maySeeGrant, type Policy } from '../domain/access/policy.js';
import { missingScopes } from '../domain/google/scopes.js';
import { EXPIRY_REASONS, forecast } from '../domain/grant/expiry-forecast.js';
import {
  CONFIDENCES,
  type Grant,
  GRANT_ACTORS,
  GRANT_KINDS,
  GRANT_STATUSES,
  isAgeKnown,
} from '../domain/grant/grant.js';
import { NEXT_PAGE } from '../http/pagination/page.dto.js';
import { AccountResponse } from '../http/validation/account.response.js';
import type { SlotsView } from './visible-grants.js';

class ExpiryResponse {
  @ApiProperty({ format: 'date-time' })
  at!: string;

  @ApiProperty({ enum: EXPIRY_REASONS })
  reason!: string;
}

class DiagnosisResponse {
  @ApiProperty({ example: 'user_revoked' })
  cause!: string;

  @ApiProperty({ enum: CONFIDENCES })
  confidence!: string;

  @ApiProperty({ enum: GRANT_ACTORS })
  who_must_act!: string;

  @ApiProperty()
  detail!: string;
}

/** A grant as services see it: everything but its tokens. */
export class GrantResponse {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty()
  user_id!: string;

  @ApiProperty()
  client!: string;

  @ApiProperty({
    enum: GRANT_KINDS,
    description: 'Whether a person consented, or an operator gave the key of a service account',
  })
  kind!: string;

  @ApiProperty({ type: AccountResponse })
  account!: AccountResponse;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The user of a Workspace that a service account acts for; null: for itself',
  })
  subject!: string | null;

  @ApiProperty({
    enum: GRANT_STATUSES,
    description:
      '`suspended`: Google disabled the account; it may become active again by itself. `revoking`: a revocation was ' +
      'begun and continues until Google confirms it',
  })
  status!: string;

  @ApiProperty({ description: 'What the user allowed' })
  scope!: string;

  @ApiProperty({ type: [String], description: 'What was asked for and not allowed' })
  missing_scopes!: string[];

  @ApiProperty({ type: DiagnosisResponse, nullable: true, description: 'Why the grant gives no tokens' })
  diagnosis!: DiagnosisResponse | null;

  @ApiProperty({
    type: ExpiryResponse,
    nullable: true,
    description: 'When it expires unless its user acts',
  })
  expires!: ExpiryResponse | null;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ format: 'date-time' })
  consented_at!: string;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description:
      'When its refresh token was imported from another system; null where a consent here brought it',
  })
  imported_at!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  refreshed_at!: string | null;
}

class ActiveTokenResponse {
  @ApiProperty({
    type: String,
    nullable: true,
    description:
      'Null for one that no grant here uses, and for one of a grant that your policy does not cover',
  })
  grant_id!: string | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Null for one of a grant that your policy does not cover, and for an imported one',
  })
  issued_at!: string | null;

  @ApiProperty({ description: 'Whether its grant still refreshes with it' })
  current!: boolean;

  @ApiProperty({
    description:
      'False where an imported token, whose age is not known, may be evicted before it or after it',
  })
  certain!: boolean;
}

class SlotsResponse {
  @ApiProperty({ description: 'Active refresh tokens that Google allows an account per client' })
  limit!: number;

  @ApiProperty()
  used!: number;

  @ApiProperty()
  free!: number;

  @ApiProperty({ description: 'Whether nine tenths are taken' })
  nearly_full!: boolean;

  @ApiProperty({ description: 'Active refresh tokens of the account across all clients here' })
  used_by_account!: number;

  @ApiProperty({
    description:
      'Whether these are nine tenths of ACCOUNT_SLOT_LIMIT: Google has a limit for them, which it does not publish',
  })
  account_nearly_full!: boolean;

  @ApiProperty({
    type: ActiveTokenResponse,
    nullable: true,
    description: 'Which one Google evicts first; with the next consent when none is free',
  })
  next_evicted!: ActiveTokenResponse | null;
}

export class GrantsResponse {
  @ApiProperty({ type: [GrantResponse] })
  grants!: GrantResponse[];

  @ApiProperty({ type: String, nullable: true, description: NEXT_PAGE })
  next!: string | null;
}

export class GrantDetailResponse extends GrantResponse {
  @ApiProperty({ type: SlotsResponse })
  slots!: SlotsResponse;
}

/** @param testingClients aliases of clients whose Google app is in Testing */
export function toGrantResponse(grant: Grant, testingClients: readonly string[]): GrantResponse {
  const expiry = forecast(grant, testingClients.includes(grant.client));
  return {
    id: grant.id,
    user_id: grant.userId,
    client: grant.client,
    kind: grant.kind,
    account: { sub: grant.account.sub, email: grant.account.email },
    subject: grant.subject,
    status: grant.status,
    scope: grant.grantedScopes.join(' '),
    missing_scopes: missingScopes(grant.requestedScopes, grant.grantedScopes),
    diagnosis: grant.diagnosis,
    expires: expiry && { at: expiry.at.toISOString(), reason: expiry.reason },
    created_at: grant.createdAt.toISOString(),
    consented_at: grant.consentedAt.toISOString(),
    imported_at: isAgeKnown(grant) ? null : grant.refreshTokenIssuedAt.toISOString(),
    refreshed_at: grant.refreshedAt?.toISOString() ?? null,
  };
}

/** A token of a grant that the service may not see is counted, and nothing else about it is shown. */
export function toSlotsResponse(
  { limit, used, free, nearlyFull, usedByAccount, isAccountNearlyFull, oldest, isOldestCertain }: SlotsView,
  policy: Policy,
): SlotsResponse {
  const isHidden = oldest?.userId != null && !maySeeGrant(policy, { ...oldest, userId: oldest.userId });
  return {
    limit,
    used,
    free,
    nearly_full: nearlyFull,
    used_by_account: usedByAccount,
    account_nearly_full: isAccountNearlyFull,
    next_evicted: oldest && {
      grant_id: isHidden ? null : oldest.grantId,
      issued_at: isHidden || !oldest.isAgeKnown ? null : oldest.issuedAt.toISOString(),
      current: oldest.current,
      certain: isOldestCertain,
    },
  };
}
