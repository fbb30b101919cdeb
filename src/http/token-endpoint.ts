import type { IncomingMessage } from 'node:http';
import { UnsupportedMediaTypeException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { invalidRequest } from '../domain/errors.js';
import { CELL_USER_HEADER } from './cell-user.js';
import { OAuthRefusal } from './problem/oauth-error.js';
import { pathOf } from './request-context.js';
import { type Form, parameterOf } from './validation/form.js';

/*
 * What several modules know of POST /oauth2/token: its paths, its grant types, and which parameter of the form is the credential.
 * tokens/ owns the endpoint and its other parameters, services/service-auth.guard.ts who the caller is, problem/oauth-error.ts its
 * errors.
 */

export const TOKEN_ENDPOINT = '/oauth2/token';
export const TOKEN_ENDPOINT_ROUTE = { hasCredentialInBody: true, maxBodyBytes: 16 * 1024 } as const;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who calls is known once the body is read: until then the call counts for no one. */
    hasCredentialInBody?: boolean;
  }
}

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const REFRESH_TOKEN = 'refresh_token';

/** Where each grant type has the credential: RFC 8693 section 2.1, RFC 6749 section 6. */
const CREDENTIALS: ReadonlyMap<string, string> = new Map([
  [TOKEN_EXCHANGE, 'subject_token'],
  [REFRESH_TOKEN, 'refresh_token'],
]);
const GRANT_TYPE_RULE = `must be ${[...CREDENTIALS.keys()].join(' or ')}.`;

/** Its paths by which a router in front of cells knows the cell. */
const ROUTED = /^\/(?:users\/([^/?#]+)|cells\/([^/?#]+))\/oauth2\/token$/;

/**
 * A library posts to the URL of its file and sends no header of the broker's. So the user in the path is taken for that header, and the
 * name of this cell is dropped, as the router drops it: what follows is the same request.
 */
export function takeRoutedPath(request: IncomingMessage, cell: string | null): void {
  const { url = '' } = request;
  if (url === TOKEN_ENDPOINT || !url.endsWith(TOKEN_ENDPOINT)) return;
  const [, user, named] = ROUTED.exec(url) ?? [];
  if (user === undefined && (named === undefined || named !== cell)) return;
  request.url = TOKEN_ENDPOINT;
  if (user !== undefined) request.headers[CELL_USER_HEADER] = user;
}

/** By the route, since the router decodes a path; what has none, such as another method, by its path as it came. */
export function isTokenEndpoint({ routeOptions, url }: FastifyRequest): boolean {
  return routeOptions.url === undefined ? isTokenEndpointUrl(url) : routeOptions.url === TOKEN_ENDPOINT;
}

/** @param url of a request that the router has not seen */
export function isTokenEndpointUrl(url: string): boolean {
  return pathOf(url) === TOKEN_ENDPOINT;
}

export interface TokenCredential {
  readonly grantType: string;
  /** Without the line break at the end of the file that it was read from. */
  readonly token: string;
}

/** @throws {BrokerError} `invalid_request`, or the refusal of an unknown grant type */
export function readTokenCredential(request: FastifyRequest): TokenCredential {
  const form = formOf(request);
  const grantType = parameterOf(form, 'grant_type');
  if (grantType === undefined) throw invalidRequest({ grant_type: GRANT_TYPE_RULE });
  const parameter = CREDENTIALS.get(grantType);
  if (parameter === undefined) {
    throw new OAuthRefusal('unsupported_grant_type', invalidRequest({ grant_type: GRANT_TYPE_RULE }));
  }
  const token = parameterOf(form, parameter)?.trim() ?? '';
  if (token === '') throw invalidRequest({ [parameter]: 'is missing.' });
  return { grantType, token };
}

/** The form of a request to the token endpoint; an empty one where it has no body. */
export function formOf({ body, formDigest }: FastifyRequest): Form {
  if (formDigest === null && body !== undefined && body !== null) throw new UnsupportedMediaTypeException();
  return (body ?? {}) as Form;
}
