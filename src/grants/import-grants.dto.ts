import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsBoolean, IsOptional, Matches } from 'class-validator';
import { BrokerError } from '../domain/errors.js';
import { isScope, MAX_SCOPES, SCOPE_ARRAY_RULE, scopeSet } from '../domain/google/scopes.js';
import type { ImportItem, InvalidItem } from '../domain/grant/grant-import.js';
import { Secret } from '../domain/secret.js';
import { validation } from '../http/validation/validation.pipe.js';
import { IsAccount, IsClientAlias, IsUserId, rule } from '../http/validation/validators.js';

const MAX_IMPORTS = 100;

const IsScopes = rule(
  'isScopes',
  (value) =>
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= MAX_SCOPES &&
    value.every((scope) => typeof scope === 'string' && isScope(scope)),
  SCOPE_ARRAY_RULE,
);

/** One grant of another system: a line of the file of `grant import`, or an item of POST /grants/import. */
class ImportItemDto {
  @ApiProperty({ description: 'Your own id of the user', example: 'alice' })
  @IsUserId()
  user_id!: string;

  @ApiPropertyOptional({
    description:
      'The alias of the Google client that obtained the token; may be left out when there is a default',
  })
  @IsOptional()
  @IsClientAlias()
  client?: string;

  @ApiProperty({ description: 'Never shown again, in no response, report or log', example: '1//0abc' })
  @Matches(/^[\x21-\x7e]{1,2048}$/, {
    message: 'must be 1 to 2048 printable ASCII characters without spaces.',
  })
  refresh_token!: string;

  @ApiPropertyOptional({
    type: [String],
    description:
      'The grant gets these, and openid and the email address, and no others; left out: all that the token covers',
    example: ['https://www.googleapis.com/auth/yt-analytics.readonly'],
  })
  @IsOptional()
  @IsScopes()
  scopes?: string[];

  @ApiPropertyOptional({
    description:
      "The account's `sub`, or an email address; compared with what Google says, and needed where Google says nothing",
    example: '103400000000000000001',
  })
  @IsOptional()
  @IsAccount()
  account?: string;
}

export class ImportGrantsDto {
  @ApiProperty({ type: [ImportItemDto], minItems: 1, maxItems: MAX_IMPORTS })
  @IsArray({ message: 'must be a list.' })
  @ArrayMinSize(1, { message: 'must not be empty.' })
  @ArrayMaxSize(MAX_IMPORTS, { message: `must hold ${MAX_IMPORTS} grants at most.` })
  grants!: unknown[];

  @ApiPropertyOptional({
    type: Boolean,
    default: false,
    description: 'Whether another token takes the place of the one that an active grant has',
  })
  @IsOptional()
  @IsBoolean({ message: 'must be true or false.' })
  replace = false;

  @ApiPropertyOptional({ type: Boolean, default: false, description: 'Asks Google, and stores nothing' })
  @IsOptional()
  @IsBoolean({ message: 'must be true or false.' })
  dry_run = false;
}

/** Wraps the token at once; a fault names fields, never values. */
export async function readImportItem(value: unknown): Promise<ImportItem | InvalidItem> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { errors: { item: 'must be a JSON object.' } };
  try {
    const dto = (await validation.transform(value, {
      type: 'body',
      metatype: ImportItemDto,
    })) as ImportItemDto;
    return {
      userId: dto.user_id,
      client: dto.client ?? undefined,
      refreshToken: new Secret(dto.refresh_token),
      scopes: dto.scopes == null ? null : scopeSet(dto.scopes),
      account: dto.account ?? null,
    };
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return { errors: error.extensions['errors'] as Record<string, string> };
  }
}
