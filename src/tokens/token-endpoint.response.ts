import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { statusTexts } from '../http/problem-docs.decorator.js';
import { OAUTH_ERROR_CODES, OAUTH_ERRORS } from '../http/problem/oauth-error.js';
import { CLIENT_FAULTS, PROBLEMS } from '../http/problem/problem-table.js';
import { REFRESH_TOKEN, TOKEN_EXCHANGE } from '../http/token-endpoint.js';
import { ACCESS_TOKEN_TYPE } from '../domain/google/oauth.js';
import { BearerToken, type SerializedRest, type TokenResponse } from './token.response.js';

/** RFC 8693 section 2.2.1. The order is that of token.response.ts, so that the warm path can put the token in front. */
export class TokenEndpointResponse extends BearerToken {
  @ApiProperty({
    description: 'Seconds from now; 390 or more while the token can be refreshed',
    example: 3412,
  })
  declare expires_in: number;

  @ApiProperty({ example: ACCESS_TOKEN_TYPE })
  issued_token_type!: string;
}

export function toTokenEndpointResponse({
  access_token,
  token_type,
  expires_in,
  scope,
}: TokenResponse): TokenEndpointResponse {
  return { access_token, token_type, expires_in, issued_token_type: ACCESS_TOKEN_TYPE, scope };
}

/** As `serializeRest` of token.response.ts. */
export function serializeEndpointRest({ issued_token_type, scope }: TokenEndpointResponse): SerializedRest {
  return { before: '', common: JSON.stringify({ issued_token_type, scope }).slice(1), after: '' };
}

/** RFC 8414 section 2. */
export class AuthorizationServerMetadata {
  @ApiProperty({ example: 'https://broker.example.com' })
  issuer!: string;

  @ApiProperty({ example: 'https://broker.example.com/oauth2/token' })
  token_endpoint!: string;

  @ApiProperty({ type: [String], description: 'Empty: the broker has no authorization endpoint for clients' })
  response_types_supported!: string[];

  @ApiProperty({ type: [String] })
  grant_types_supported!: string[];

  @ApiProperty({ type: [String] })
  token_endpoint_auth_methods_supported!: string[];

  @ApiPropertyOptional({ example: 'https://broker.example.com/docs' })
  service_documentation?: string;
}

const text = (description: string, more: object = {}) => ({ type: 'string', description, ...more });

/** The examples are those of a token exchange: only the credential is missing. */
const FORM = {
  type: 'object',
  required: ['grant_type'],
  properties: {
    grant_type: text('RFC 8693 token exchange, or a delegated credential as refresh token', {
      enum: [TOKEN_EXCHANGE, REFRESH_TOKEN],
    }),
    subject_token: text('Token exchange: a service key (tbk_...), or a JWT of your platform'),
    subject_token_type: text('Token exchange: any but those of AWS', {
      example: 'urn:ietf:params:oauth:token-type:jwt',
    }),
    audience: text(
      'Token exchange: PUBLIC_URL/users/USER?client=ALIAS&account=ACCOUNT, the query may be left out',
      { example: 'https://broker.example.com/users/alice' },
    ),
    refresh_token: text('refresh_token: a delegated credential (tbc_...)'),
    scope: text('Scopes that the token must cover, separated by spaces'),
    requested_token_type: text('Left out, or that of an access token', { enum: [ACCESS_TOKEN_TYPE] }),
  },
};

/** RFC 6749 section 5.2. The members of a problem that a program can use follow: /docs, the schema of each problem. */
const OAUTH_ERROR = {
  type: 'object',
  required: ['error', 'error_description', 'code', 'request_id'],
  additionalProperties: true,
  properties: {
    error: text('OAuth’s code', { enum: [...OAUTH_ERROR_CODES] }),
    error_description: text(
      'What happened and what to do next; where there is a connect link, the reason first, then the link',
    ),
    error_uri: text('A link that takes the user to consent; works once, for 30 minutes'),
    code: text("The broker's code for the same, as everywhere else"),
    request_id: text("Names this request in the broker's log and audit trail"),
    missing_scopes: { type: 'array', items: { type: 'string' }, description: 'What the user did not allow' },
  },
};

const CODES = [
  'invalid_request',
  'unauthenticated',
  'not_allowed',
  'insufficient_scope',
  'not_connected',
  'method_not_allowed',
  'ambiguous_account',
  'reconnect_required',
  'rate_limited',
  'client_misconfigured',
  'google_unavailable',
] as const;

const BY_CODE = statusTexts(CODES, (code) => {
  const { error, status } = OAUTH_ERRORS[code];
  return { status: status ?? PROBLEMS[code].status, shown: `${error}\`, code \`${code}` };
});
const BEFORE_ROUTE = ([408, 413, 415] as const).map(
  (status) => [status, `\`invalid_request\`: ${CLIENT_FAULTS[status]}`] as const,
);

/** The form of the endpoint, and its errors. */
export const ApiTokenEndpoint = () =>
  applyDecorators(
    ApiConsumes('application/x-www-form-urlencoded'),
    ApiBody({ schema: FORM }),
    ...[...BY_CODE, ...BEFORE_ROUTE].map(([status, description]) =>
      ApiResponse({
        status,
        description,
        content: { 'application/json': { schema: OAUTH_ERROR } },
      }),
    ),
  );
