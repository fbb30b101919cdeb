import type { FastifyInstance } from 'fastify';
import { invalidRequest } from '../../domain/errors.js';
import { kindOf } from '../rate-limit/route-limits.js';

const RULE = 'must be percent-encoded UTF-8 (RFC 3986 section 2.5).';
const FRAGMENT_RULE =
  'must begin with `?`; `#` in a path is written `%23` (RFC 9112 section 3.2: no target has a fragment).';

/**
 * Refuses a path with `#`: the router would take what follows for the query, and everything else here for a part of the path. Refuses a
 * query that is not percent-encoded UTF-8, as Fastify does in a path. Fastify leaves such a parameter undecoded:
 * `%FF` and `%25FF` would be one user. Routes for browsers are excepted: /callback must ignore unknown parameters (RFC 6749
 * section 4.1.2).
 */
export function refuseMalformedQueries(server: FastifyInstance): void {
  server.addHook('onRequest', (request, _reply, done) => {
    const { url } = request;
    const at = url.indexOf('?');
    if ((at < 0 ? url : url.slice(0, at)).includes('#')) {
      done(invalidRequest({ query: FRAGMENT_RULE }));
      return;
    }
    const isEncoded = at >= 0 && url.includes('%', at) && kindOf(request) === 'service';
    const field = isEncoded ? malformedParameter(url.slice(at + 1)) : null;
    done(field === null ? undefined : invalidRequest({ [field]: RULE }));
  });
}

/** @returns its name, or `query` if the name is malformed */
function malformedParameter(query: string): string | null {
  if (percentDecoded(query) !== null) return null;
  for (const parameter of query.split('&')) {
    if (percentDecoded(parameter) === null)
      return percentDecoded(parameter.split('=', 1)[0] ?? '') ?? 'query';
  }
  return null;
}

/** @returns null where it is not percent-encoded UTF-8 */
export function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
