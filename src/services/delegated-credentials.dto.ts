import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { isShortId } from '../domain/cell.js';
import { parseScopes } from '../domain/google/scopes.js';
import { PageQuery } from '../http/pagination/page.dto.js';
import {
  OptionalAccount,
  OptionalClientAlias,
  IsScopeList,
  IsUserId,
  rule,
} from '../http/validation/validators.js';
import { validation } from '../http/validation/validation.pipe.js';
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

const IsCredentialId = rule(
  'isCredentialId',
  (value) => typeof value === 'string' && isShortId(value),
  'must be the id of a credential, as the list has it.',
);

export class CredentialPath {
  @ApiProperty({ description: 'The id of a credential, never its handle', example: 'h3k9x2mvq7aw' })
  @IsCredentialId()
  id!: string;
}

export class CredentialsQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'Only those of this user' })
  @IsOptional()
  @IsUserId()
  user?: string;
}
