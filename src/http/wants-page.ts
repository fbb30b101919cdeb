import type { FastifyRequest } from 'fastify';
import { kindOf } from './rate-limit/route-limits.js';
import { isTokenEndpoint } from './token-endpoint.js';

/*
 * Who gets a refusal as a page: a person in a browser, and no program. Owns neither the page (pages/) nor the other forms of a
 * refusal (problem/send-problem.ts).
 */

/**
 * Whether a response may be a page. HTTP clients accept HTML as well, that of Java by default: at the routes of services a
 * credential in the header says that a program calls. At those of browsers it can be a proxy's.
 */
export function wantsPage(request: FastifyRequest): boolean {
  const { accept, authorization } = request.headers;
  const kind = kindOf(request);
  if (accept === undefined || isTokenEndpoint(request) || kind === 'security-events') return false;
  return (authorization === undefined || kind === 'browser') && prefersHtml(accept);
}

/** The range that is most exact says how much JSON is preferred (RFC 9110 section 12.5.1). */
const JSON_RANGES = ['application/problem+json', 'application/json', 'application/*', '*/*'];

/** Only where HTML is named: what accepts anything is not a browser. */
function prefersHtml(accept: string): boolean {
  const weights = weightsIn(accept);
  const html = weights.get('text/html') ?? 0;
  const json = JSON_RANGES.map((range) => weights.get(range)).find((weight) => weight !== undefined) ?? 0;
  return html > 0 && html >= json;
}

function weightsIn(accept: string): ReadonlyMap<string, number> {
  const ranges = accept.toLowerCase().split(',');
  return new Map(
    ranges.map((each): [string, number] => {
      const [range = '', ...parameters] = each.split(';').map((part) => part.trim());
      const weight = parameters.find((part) => part.startsWith('q='))?.slice(2);
      return [range, Number(weight ?? 1)];
    }),
  );
}
