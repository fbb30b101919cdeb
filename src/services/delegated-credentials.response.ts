import { ApiProperty } from '@nestjs/swagger';
import { CREDENTIAL_STATES, type CredentialState, credentialState } from '../domain/access/delegation.js';
import { NEXT_PAGE } from '../http/pagination/page.dto.js';
import type { DelegatedCredential } from '../token-store/services/delegated-credentials.repository.js';

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
