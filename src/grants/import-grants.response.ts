import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  emptySummary,
  IMPORT_REFUSALS,
  IMPORT_STATUSES,
  type ImportResult,
  TOKEN_REPLACED,
} from '../domain/grant/grant-import.js';
import { AccountResponse } from '../http/validation/account.response.js';

export class ImportResultResponse {
  @ApiProperty({ type: String, nullable: true })
  user_id!: string | null;

  @ApiProperty({ type: String, nullable: true })
  client!: string | null;

  @ApiProperty({
    enum: IMPORT_STATUSES,
    description: '`postponed`: nothing was decided; send the item again',
  })
  status!: string;

  @ApiProperty({
    enum: Object.keys(IMPORT_REFUSALS),
    nullable: true,
    description: 'Why it is refused or postponed',
  })
  cause!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'What happened, and what to do next' })
  detail!: string | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'invalid_item: what is wrong with each field',
  })
  errors?: Readonly<Record<string, string>>;

  @ApiPropertyOptional({ type: [String], description: 'scope_missing: what the token does not cover' })
  missing_scopes?: readonly string[];

  @ApiPropertyOptional({ enum: [true], type: Boolean, description: TOKEN_REPLACED })
  token_replaced?: true;

  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  grant_id!: string | null;

  @ApiProperty({ type: AccountResponse, nullable: true })
  account!: AccountResponse | null;

  @ApiProperty({ type: String, nullable: true, description: 'What the grant covers' })
  scope!: string | null;
}

class ItemResponse extends ImportResultResponse {
  @ApiProperty({ description: 'The place of the item in `grants`, from 0' })
  index!: number;
}

class ImportSummary {
  @ApiProperty()
  imported!: number;

  @ApiProperty()
  replaced!: number;

  @ApiProperty()
  unchanged!: number;

  @ApiProperty()
  refused!: number;

  @ApiProperty()
  postponed!: number;
}

export class ImportGrantsResponse {
  @ApiProperty()
  dry_run!: boolean;

  @ApiProperty({ type: ImportSummary })
  summary!: ImportSummary;

  @ApiProperty({ type: [ItemResponse], description: 'One for each item, in their order' })
  results!: ItemResponse[];
}

export function toImportGrantsResponse(
  dryRun: boolean,
  items: readonly ImportResult[],
): ImportGrantsResponse {
  const summary = emptySummary();
  for (const { status } of items) summary[status]++;
  const results = items.map((item, index) => Object.assign(toImportResponse(item), { index }));
  return { dry_run: dryRun, summary, results };
}

export function toImportResponse(result: ImportResult): ImportResultResponse {
  const { userId, client, status, cause, detail, errors, missingScopes, tokenReplaced } = result;
  const { grantId, account, scopes } = result;
  return {
    user_id: userId,
    client,
    status,
    cause,
    detail,
    ...(errors ? { errors } : {}),
    ...(missingScopes ? { missing_scopes: missingScopes } : {}),
    ...(tokenReplaced ? { token_replaced: true } : {}),
    grant_id: grantId,
    account: account && { sub: account.sub, email: account.email },
    scope: scopes && scopes.join(' '),
  };
}
