import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { CREDENTIAL_STATES, type CredentialState, credentialState } from '../domain/access/delegation.js';
import { SHORT_ID } from '../domain/cell.js';
import { parseScopes } from '../domain/google/scopes.js';
import { NEXT_PAGE, PageQuery } from '../http/pagination/page.query.js';
import {
  OptionalAccount,
  OptionalClientAlias,
  IsScopeList,
  IsUserId,
} from '../http/validation/validators.js';
import { validation } from '../http/validation/validation.pipe.js';
import type { DelegatedCredential } from '../token-store/services/delegated-credentials.repository.js';
import {
  DEFAULT_LIFETIME_SECONDS,
  MAX_LIFETIME_SECONDS,
  MIN_LIFETIME_SECONDS,
  type NewDelegation,
} from './delegated-credentials.js';

export class NewCredentialDto {
  @ApiProperty({ description: 'For whom it stands, and no other', example: 'alice' })
  @IsUserId()
  user_id!: string;

  @OptionalClientAlias()
  client?: string;

  @OptionalAccount()
  account?: string;

  @ApiPropertyOptional({
    description:
      'Scopes that its tokens may have, separated by spaces; left out: all that your policy allows',
  })
  @IsOptional()
  @IsScopeList()
  scope?: string;

  @ApiPropertyOptional({ description: 'Seconds', type: Number, default: DEFAULT_LIFETIME_SECONDS })
  @IsOptional()
  @IsInt({ message: 'must be a whole number of seconds.' })
  @Min(MIN_LIFETIME_SECONDS, { message: 'must be 60 or more.' })
  @Max(MAX_LIFETIME_SECONDS, { message: 'must be ten years or less.' })
  expires_in = DEFAULT_LIFETIME_SECONDS;
}

/** For a command line, which has the same rules. @throws {BrokerError} `invalid_request` */
export async function validDelegation(values: Readonly<Record<string, unknown>>): Promise<NewDelegation> {
  const metadata = { type: 'body', metatype: NewCredentialDto } as const;
  return toDelegation((await validation.transform(values, metadata)) as NewCredentialDto);
}

export function toDelegation({
  user_id,
  client,
  account,
  scope,
  expires_in,
}: NewCredentialDto): NewDelegation {
  return {
    userId: user_id,
    client: client ?? null,
    account: account ?? null,
    scopes: scope === undefined ? [] : parseScopes(scope),
    lifetimeSeconds: expires_in,
  };
}

export class CredentialPath {
  @ApiProperty({ description: 'The id of a credential, never its handle', example: 'h3k9x2mvq7aw' })
  @Matches(SHORT_ID, { message: 'must be the id of a credential, as the list has it.' })
  id!: string;
}

export class CredentialsQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'Only those of this user' })
  @IsOptional()
  @IsUserId()
  user?: string;
}

export class CredentialResponse {
  @ApiProperty({ example: 'h3k9x2mvq7aw' })
  id!: string;

  @ApiProperty({ enum: CREDENTIAL_STATES })
  status!: CredentialState;

  @ApiProperty({ example: 'alice' })
  user_id!: string;

  @ApiProperty({ type: String, nullable: true })
  client!: string | null;

  @ApiProperty({ type: String, nullable: true })
  account!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'Null: all that your policy allows' })
  scope!: string | null;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ format: 'date-time' })
  expires_at!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  revoked_at!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'To the hour' })
  last_used_at!: string | null;
}

export class CreatedCredentialResponse extends CredentialResponse {
  @ApiProperty({
    description: 'The handle: `refresh_token` at POST /oauth2/token. It is shown here only',
    example: 'tbc_h3k9x2mvq7aw_…',
  })
  credential!: string;
}

export class CredentialsResponse {
  @ApiProperty({ type: [CredentialResponse] })
  credentials!: CredentialResponse[];

  @ApiProperty({ type: String, nullable: true, description: NEXT_PAGE })
  next!: string | null;
}

export function toCredentialResponse(credential: DelegatedCredential, now: Date): CredentialResponse {
  const { id, userId, client, account, scopes, createdAt, expiresAt, revokedAt, lastUsedAt } = credential;
  return {
    id,
    status: credentialState(credential, now),
    user_id: userId,
    client,
    account,
    scope: scopes.length === 0 ? null : scopes.join(' '),
    created_at: createdAt.toISOString(),
    expires_at: expiresAt.toISOString(),
    revoked_at: revokedAt?.toISOString() ?? null,
    last_used_at: lastUsedAt?.toISOString() ?? null,
  };
}
