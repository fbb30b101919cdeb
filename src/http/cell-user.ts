/**
 * The header that names a request's user to the router in front of cells, where the path does not (docs/cells.md). The router hashes its
 * text as it came, as it hashes that of a path, so each user must have one text: what `encodeURIComponent` makes of the id. A request
 * whose header says otherwise may have been sent to the wrong cell, which would store there what no later call finds. Does not own which
 * cell a user belongs to, nor the other parameters of GET /authz (tokens/authz.dto.ts).
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { invalidRequest } from '../domain/errors.js';
import { kindOf } from './rate-limit/route-limits.js';
import { percentDecoded } from './validation/query-text.js';

export const CELL_USER_HEADER = 'x-token-broker-user';
export const CELL_USER_RULE =
  'must be the user id, percent-encoded as encodeURIComponent does it: the router of cells compares it as text.';

/** @returns null where the text is not the one that the user has */
export function decodeCellUser(text: string): string | null {
  const user = percentDecoded(text);
  return user !== null && encodeURIComponent(user) === text ? user : null;
}

/** The request target may have a scheme and a host (RFC 9112 section 3.2.2). */
const ORIGIN = /^https?:\/\/[^/?]*/i;

/** Refuses a path in which the id has another text: a request in the other one comes to another cell. */
export function refuseOtherUserPaths(server: FastifyInstance, cell: string | null): void {
  if (cell === null) return;
  server.addHook('onRequest', (request, _reply, done) => {
    const { userId } = request.params as { readonly userId?: string };
    const isRefused = userId !== undefined && kindOf(request) === 'service' && !hasOnlyText(request, userId);
    done(isRefused ? invalidRequest({ userId: CELL_USER_RULE }) : undefined);
  });
}

/** Whether the path is written as its route is, and the id as `encodeURIComponent` does it. The router decodes both. */
function hasOnlyText({ routeOptions, url }: FastifyRequest, userId: string): boolean {
  const [path = ''] = url.replace(ORIGIN, '').split('?', 1);
  return path === routeOptions.url?.replace(':userId', () => encodeURIComponent(userId));
}

/**
 * @param cell null: there are no cells, and the header means nothing here
 * @param users whom the request names elsewhere
 * @throws {BrokerError} `invalid_request`: the header names another one
 */
export function assertCellUser(
  cell: string | null,
  { headers }: FastifyRequest,
  ...users: readonly unknown[]
): void {
  const header = headers[CELL_USER_HEADER];
  if (cell === null || header === undefined) return;
  const named = decodeCellUser(String(header));
  if (named === null) throw invalidRequest({ [CELL_USER_HEADER]: CELL_USER_RULE });
  if (users.some((user) => user !== named)) {
    throw invalidRequest({
      [CELL_USER_HEADER]: 'names another user than the request does: it would be handled by the wrong cell.',
    });
  }
}
