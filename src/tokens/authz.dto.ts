import type { IncomingMessage } from 'node:http';
import { ApiHeaders, ApiProperty, DECORATORS } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { invalidRequest } from '../domain/errors.js';
import { CELL_USER_RULE, decodeCellUser } from '../http/cell-user.js';
import { isPrefixed } from '../http/server/forward-auth.js';
import { validation } from '../http/validation/validation.pipe.js';
import { IsUserId } from '../http/validation/validators.js';
import { TokenQuery } from './token.dto.js';

/** GET /authz has the parameters of GET /tokens/:userId, as headers: the URL belongs to the request that the proxy holds. */
class AuthzParameters extends TokenQuery {
  @ApiProperty({
    description:
      'Your own id of the user, in UTF-8 and exactly as it is; with CELL, percent-encoded as encodeURIComponent does it',
    example: 'alice',
  })
  @IsUserId()
  user!: string;
}

interface AuthzRequest {
  readonly parameters: AuthzParameters;
  /** Where the proxy will send the request. */
  readonly host: string;
}

const PREFIX = 'x-token-broker-';
const FORWARDED_HOST = 'x-forwarded-host';
const ORIGINAL_URL = 'x-original-url';
/** A proxy and the broker could each take another one of two. */
const SINGLE = ['authorization', FORWARDED_HOST, ORIGINAL_URL];
/** Words with hyphens. With an underscore, another header would have the same name. */
const PARAMETER = /^x-token-broker-([a-z]+(?:-[a-z]+)*)$/;

/**
 * Reads what a proxy asks for. Any doubt about a header is a refusal: a proxy that lets callers add or repeat headers must not
 * get a token for another user, nor for another host, than it believes.
 * @param hasCells whether a router reads the user's header too, which has the form of a path's segment then
 * @throws {BrokerError} `invalid_request`
 */
export async function readAuthzRequest(request: FastifyRequest, hasCells: boolean): Promise<AuthzRequest> {
  const errors: Record<string, string> = {};
  if (request.url.includes('?')) errors['query'] = 'is not read here: the parameters are headers.';
  const values = readParameters(request.raw, errors);
  if (values['user'] === undefined)
    errors[`${PREFIX}user`] ??= 'is missing: it names the user whose token is added.';
  else if (hasCells) {
    const user = decodeCellUser(values['user']);
    if (user === null) errors[`${PREFIX}user`] = CELL_USER_RULE;
    else values['user'] = user;
  }
  const host = readHost(request, errors);
  if (host === null || Object.keys(errors).length > 0) throw invalidRequest(errors);
  const asQuery = { type: 'query', metatype: AuthzParameters } as const;
  return { parameters: (await validation.transform(values, asQuery)) as AuthzParameters, host };
}

function readParameters({ headersDistinct }: IncomingMessage, errors: Record<string, string>) {
  const parameters: Record<string, string> = {};
  for (const [name, [value = '', ...others] = []] of Object.entries(headersDistinct)) {
    const isParameter = name.startsWith(PREFIX);
    if (others.length > 0 && (isParameter || SINGLE.includes(name)))
      errors[name] = 'stands there more than once.';
    if (!isParameter) continue;
    const [, parameter] = PARAMETER.exec(name) ?? [];
    const text = decode(value);
    if (parameter === undefined) errors[name] = 'is not known here.';
    else if (text === null) errors[name] = 'must be UTF-8.';
    else parameters[parameter.replaceAll('-', '_')] = text;
  }
  return parameters;
}

/** A byte order mark is text here: without it, the user would be another one. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Node reads the bytes of a header as Latin-1. */
function decode(value: string): string | null {
  try {
    return UTF8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return null;
  }
}

/**
 * googleapis.com or a host below it, in the one form that a proxy normalizes to. Labels such as xn--… are reserved (RFC 5890
 * section 2.3.1).
 */
const GOOGLE_HOST = /^((?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*googleapis\.com)(?::(?:443|80))?$/;
const MAX_HOST = 253;

/** @returns the host that all headers agree on; null, and the faults, where they do not */
function readHost(request: FastifyRequest, errors: Record<string, string>): string | null {
  const { host, [FORWARDED_HOST]: forwarded, [ORIGINAL_URL]: url } = request.headers;
  const named: Record<string, unknown> = {
    // Otherwise Host is the broker's own.
    ...(isPrefixed(request) ? { host: host ?? '' } : {}),
    ...(forwarded === undefined ? {} : { [FORWARDED_HOST]: forwarded }),
    ...(url === undefined ? {} : { [ORIGINAL_URL]: /^https?:\/\/([^/?#]*)/.exec(String(url))?.[1] ?? '' }),
  };
  const hosts = new Set<string>();
  for (const [header, value] of Object.entries(named)) {
    const [, googleHost] = GOOGLE_HOST.exec(String(value)) ?? [];
    if (googleHost !== undefined && googleHost.length <= MAX_HOST) hosts.add(googleHost);
    else
      errors[header] ??=
        'must name googleapis.com or a host below it, in lower case, with no other port than 443 or 80: ' +
        'tokens of Google are for no other host.';
  }
  if (Object.keys(named).length === 0)
    errors[FORWARDED_HOST] = 'is missing: the proxy must name the host that it sends the request to.';
  if (hosts.size > 1) errors[FORWARDED_HOST] = 'names another host than other headers do.';
  const [only = null] = hosts;
  return only;
}

const { prototype } = AuthzParameters;
const NAMES = (Reflect.getMetadata(DECORATORS.API_MODEL_PROPERTIES_ARRAY, prototype) as string[]).map((key) =>
  key.slice(1),
);

/** The header of each parameter. */
export const PARAMETER_HEADERS = NAMES.map((name) => `${PREFIX}${name.replaceAll('_', '-')}`);

interface DocumentedParameter {
  readonly description?: string;
  readonly required?: boolean;
  readonly example?: unknown;
}

const FORWARDED_HOST_PARAMETER = {
  name: FORWARDED_HOST,
  description: 'Where the proxy sends the request: googleapis.com or a host below it',
  required: true,
  schema: { type: 'string', example: 'youtubeanalytics.googleapis.com' },
} as const;

/** Documents the parameters, from what `AuthzParameters` says of them. */
export const ApiAuthzHeaders = () =>
  ApiHeaders([
    FORWARDED_HOST_PARAMETER,
    ...NAMES.map((parameter, index) => {
      const property: unknown = Reflect.getMetadata(DECORATORS.API_MODEL_PROPERTIES, prototype, parameter);
      const { description = '', required, example } = property as DocumentedParameter;
      const name = PARAMETER_HEADERS[index] ?? '';
      const schema = { type: 'string', ...(example === undefined ? {} : { example }) } as const;
      return { name, description, required: required !== false, schema };
    }),
  ]);
