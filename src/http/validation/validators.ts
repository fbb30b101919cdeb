import { Transform } from 'class-transformer';
import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import {
  isEmail,
  IsOptional,
  isRFC3339,
  IsString,
  MaxLength,
  registerDecorator,
  type ValidationOptions,
} from 'class-validator';
import { isUserId, USER_ID_RULE } from '../../domain/access/user-rule.js';
import {
  GOOGLE_SCOPE_LIST_RULE,
  isGoogleScope,
  isScope,
  MAX_SCOPES,
  parseScopes,
  SCOPE_LIST_RULE,
} from '../../domain/google/scopes.js';
import { isPlainText } from '../../domain/text.js';

/** Makes a class-validator decorator. The message never quotes the value. */
export function rule(name: string, accepts: (value: unknown) => boolean, message: string) {
  return (options?: ValidationOptions): PropertyDecorator =>
    (target, propertyName) => {
      registerDecorator({
        name,
        target: target.constructor,
        propertyName: propertyName as string,
        options: { message, ...options },
        validator: { validate: accepts },
      });
    };
}

export const IsUserId = rule(
  'isUserId',
  (value) => typeof value === 'string' && isUserId(value),
  USER_ID_RULE,
);

/** Text that can be stored, logged, forwarded and shown unchanged. */
const IsPlainText = rule(
  'isPlainText',
  (value) => typeof value === 'string' && isPlainText(value),
  'must be text without control characters.',
);

/** A JSON object: no list, no text, no number. */
export const IsObject = rule(
  'isJsonObject',
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object.',
);

export function isScopeList(value: unknown, isKnown: (scope: string) => boolean): boolean {
  if (typeof value !== 'string' || value.length > 4096) return false;
  const scopes = parseScopes(value);
  return scopes.length >= 1 && scopes.length <= MAX_SCOPES && scopes.every(isKnown);
}

/** Scopes in one string, separated by spaces. */
export const IsScopeList = () =>
  applyDecorators(IsString(), rule('isScopeList', (value) => isScopeList(value, isScope), SCOPE_LIST_RULE)());

/** Scopes for an authorization request. Google answers any other with an error page that has no link back. */
export const IsGoogleScopeList = () =>
  applyDecorators(
    IsString(),
    rule('isGoogleScopeList', (value) => isScopeList(value, isGoogleScope), GOOGLE_SCOPE_LIST_RULE)(),
  );

export const IsClientAlias = () => applyDecorators(IsString(), IsPlainText(), MaxLength(40));

/** An account by its `sub` or email address. */
export const IsAccount = () => applyDecorators(IsString(), IsPlainText(), MaxLength(320));

/** The parameter `client` of a call about a user. */
export const OptionalClientAlias = () =>
  applyDecorators(
    ApiPropertyOptional({
      description: 'The alias of the Google client; may be left out when there is a default',
    }),
    IsOptional(),
    IsClientAlias(),
  );

/** The parameter `account` of a call about a user. */
export const OptionalAccount = () =>
  applyDecorators(
    ApiPropertyOptional({ description: "Which of the user's accounts, by sub or email" }),
    IsOptional(),
    IsAccount(),
  );

export const IsEmailAddress = rule(
  'isEmailAddress',
  // In this order: isEmail throws for text that is not well-formed.
  (value) => typeof value === 'string' && isPlainText(value) && isEmail(value),
  'must be an email address.',
);

export const IsHttpUrl = rule(
  'isHttpUrl',
  (value) => {
    // URL parsers drop or repair these silently, and each in its own way.
    if (typeof value !== 'string' || value.length > 2000 || !isPlainText(value)) return false;
    if (/[\s\\]/.test(value) || !URL.canParse(value)) return false;
    const { protocol, username, password } = new URL(value);
    return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
  },
  'must be an http or https URL without a user name, spaces or backslashes.',
);

export const IsTime = rule(
  'isTime',
  // The form allows leap seconds, which a Date cannot hold, and a zone can lead out of the years that PostgreSQL reads.
  (value) => isRFC3339(value) && isDay(value as string) && isYear(new Date(value as string).getUTCFullYear()),
  'must be a time such as 2026-11-21T12:00:00Z, in the years 1 to 9999.',
);

/** A Date makes March of the 30th of February (RFC 3339 section 5.7). */
function isDay(time: string): boolean {
  const date = time.slice(0, 10);
  const day = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date);
}

/** False for the year of no time, which is NaN. */
function isYear(year: number): boolean {
  return year >= 1 && year <= 9999;
}

/** Converts a whole number in a query. Anything else stays text, and fails validation. */
export const ToInteger = () =>
  Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' && /^\d{1,12}$/.test(value) ? Number(value) : value,
  );
