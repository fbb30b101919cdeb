import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsFQDN, IsIn, IsOptional, Matches, ValidateIf, ValidateNested } from 'class-validator';
import { TICKET_PURPOSES, type TicketPurpose } from '../domain/connect/connect-request.js';
import { PROMPTS } from '../domain/google/oauth.js';
import { isGoogleScope, MAX_SCOPES } from '../domain/google/scopes.js';
import { SUB } from '../domain/grant/grant.js';
import { isDisplayText, isPlainText } from '../domain/text.js';
import {
  IsClientAlias,
  IsEmailAddress,
  IsGoogleScopeList,
  IsHttpUrl,
  IsObject,
  IsUserId,
  rule,
} from '../http/validation/validators.js';
import { isLoginHint, LOGIN_HINT_RULE, REQUIREMENT_RULE } from './connect-tickets.service.js';

/** In any order, as at Google. */
export const TICKET_PROMPTS = [...PROMPTS, 'select_account consent'] as const;

/** RFC 5646: `fr`, `pt-BR`, `zh-Hant-TW`. */
const IsLanguageTag = rule(
  'isLanguageTag',
  (value) => typeof value === 'string' && isLanguageTag(value),
  'must be a language tag, such as en or pt-BR.',
);

const IsUserLabel = rule(
  'isUserLabel',
  (value) =>
    typeof value === 'string' && value.trim() !== '' && Array.from(value).length <= 100 && isPlainText(value),
  'must be 1 to 100 characters without control characters.',
);

const IsLoginHint = rule(
  'isLoginHint',
  (value) => typeof value === 'string' && isLoginHint(value),
  LOGIN_HINT_RULE,
);

const MAX_REASON_LENGTH = 200;

const AreReasons = rule(
  'areReasons',
  (value) => {
    const reasons =
      typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
    return (
      reasons.length >= 1 &&
      reasons.length <= MAX_SCOPES &&
      reasons.every(
        ([scope, text]) =>
          isGoogleScope(scope) && typeof text === 'string' && isDisplayText(text, MAX_REASON_LENGTH),
      )
    );
  },
  `must be an object with scopes as names, and for each a text of 1 to ${MAX_REASON_LENGTH} characters, without control characters, ` +
    'invisible ones, and spaces at its ends, and with a letter, number or symbol.',
);

/** The account that must consent; any other is refused at the callback. */
export class RequireAccountDto {
  @ApiPropertyOptional({ example: 'alice@example.com' })
  @IsOptional()
  @IsEmailAddress()
  email?: string;

  @ApiPropertyOptional({ description: "Google's id of the account", example: '103400000000000000001' })
  @IsOptional()
  @Matches(SUB, { message: 'must be 1 to 255 printable ASCII characters.' })
  sub?: string;

  @ApiPropertyOptional({ description: 'A Google Workspace domain', example: 'example.com' })
  @IsOptional()
  @IsFQDN({}, { message: 'must be a domain name.' })
  hd?: string;
}

export class ConnectTicketDto {
  @ApiPropertyOptional({
    enum: TICKET_PURPOSES,
    default: 'connect',
    description:
      '`connect`: a link to Google and back. `manage`: a link to a page where the user sees what you hold, reconnects and ' +
      'disconnects; of the other members it takes user_id, user_label, locale, client and return_to',
  })
  @IsOptional()
  @IsIn(TICKET_PURPOSES, { message: 'must be connect or manage.' })
  purpose: TicketPurpose = 'connect';

  @ApiProperty({ description: 'Your own id of the user', example: 'alice' })
  @IsUserId()
  user_id!: string;

  @ApiPropertyOptional({
    description:
      'How the page names the user, in place of the id: a name, or the email address of the account',
    example: 'Alice Example',
  })
  @IsOptional()
  @IsUserLabel()
  user_label?: string;

  @ApiPropertyOptional({
    description:
      "The language of the pages (en, id, fr, de) and of Google's; left out, it is the browser's. A language tag (RFC 5646)",
    example: 'fr',
  })
  @IsOptional()
  @IsLanguageTag()
  locale?: string;

  @ApiPropertyOptional({
    description:
      'The alias of the Google client; may be left out when there is a default, and of a page about all clients',
  })
  @IsOptional()
  @IsClientAlias()
  client?: string;

  @ApiPropertyOptional({
    description: 'What you need, separated by spaces. Required, except for the purpose manage',
    example: 'https://www.googleapis.com/auth/yt-analytics.readonly',
  })
  @ValidateIf(({ purpose }: ConnectTicketDto) => purpose !== 'manage')
  @IsGoogleScopeList()
  scope?: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string', minLength: 1, maxLength: MAX_REASON_LENGTH },
    description:
      "Why you need a scope, by its name: shown beside it as your words. In the user's language, and for some of the scopes or all",
    example: {
      'https://www.googleapis.com/auth/yt-analytics.readonly': 'To show your views beside your sales.',
    },
  })
  @IsOptional()
  @AreReasons()
  reasons?: Record<string, string>;

  @ApiPropertyOptional({
    description: 'The email or sub to suggest to the user',
    example: 'alice@example.com',
  })
  @IsOptional()
  @IsLoginHint()
  account_hint?: string;

  @ApiPropertyOptional({ type: RequireAccountDto })
  @IsOptional()
  @IsObject({ message: REQUIREMENT_RULE })
  @ValidateNested({ message: REQUIREMENT_RULE })
  @Type(() => RequireAccountDto)
  require_account?: RequireAccountDto;

  @ApiPropertyOptional({
    description: 'Where the browser goes afterwards; its origin must be in RETURN_TO_ORIGINS',
  })
  @IsOptional()
  @IsHttpUrl()
  return_to?: string;

  @ApiPropertyOptional({
    type: Boolean,
    default: false,
    description: 'Asks Google even when all scopes are held: to connect one more account',
  })
  @IsOptional()
  @IsBoolean({ message: 'must be true or false.' })
  another_account = false;

  @ApiPropertyOptional({
    enum: TICKET_PROMPTS,
    description:
      "Google's pages that the user sees even where they are not needed: the consent screen, the account chooser, or both",
  })
  @IsOptional()
  @IsIn(TICKET_PROMPTS, { message: 'must be consent, select_account, or both, separated by a space.' })
  prompt?: (typeof TICKET_PROMPTS)[number];

  @ApiPropertyOptional({
    type: Boolean,
    description:
      'false: the grant then holds what this connect asks for, and nothing that was granted before. Left out: what the grant held is kept',
  })
  @IsOptional()
  @IsBoolean({ message: 'must be true or false.' })
  include_granted_scopes?: boolean;

  @ApiPropertyOptional({
    type: Boolean,
    default: false,
    description:
      'The grant waits until your server posts connect_code to /connect/completions. Needs return_to',
  })
  @IsOptional()
  @IsBoolean({ message: 'must be true or false.' })
  confirm = false;

  @ApiPropertyOptional({
    type: Boolean,
    default: false,
    description:
      "Connects even when Google would end another user's grant of the same account for it (slots)",
  })
  @IsOptional()
  @IsBoolean({ message: 'must be true or false.' })
  force = false;
}

/** Whole bodies for /docs: each works where the user is not connected yet. */
export const CONNECT_TICKET_EXAMPLES = {
  simple: {
    summary: 'A link for a user',
    value: { user_id: 'alice', scope: 'https://www.googleapis.com/auth/yt-analytics.readonly' },
  },
  account: {
    summary: 'A link that only one Google account can use',
    value: {
      user_id: 'alice',
      scope: 'https://www.googleapis.com/auth/yt-analytics.readonly',
      account_hint: 'alice@example.com',
      require_account: { email: 'alice@example.com' },
    },
  },
  manage: {
    summary: 'A page where the user sees and ends what you hold',
    value: { purpose: 'manage', user_id: 'alice' },
  },
};

function isLanguageTag(value: string): boolean {
  try {
    return value.length <= 35 && Intl.getCanonicalLocales(value).length === 1;
  } catch {
    return false;
  }
}
