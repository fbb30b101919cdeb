/**
 * What a browser says about why it sends a request (Fetch Metadata, W3C: https://www.w3.org/TR/fetch-metadata/). A page cannot change
 * these headers; other clients can, and older browsers send none of them.
 */
import type { FastifyRequest } from 'fastify';

type WithHeaders = Pick<FastifyRequest, 'headers'>;

/** A person's browser opens the page, and no preview of the link or page loaded ahead. */
export function isNavigation(request: WithHeaders): boolean {
  return request.headers['sec-fetch-dest'] === 'document' && !isAhead(request);
}

/**
 * A page of another site loads this within itself, as an image, a frame or by a script, or ahead: no person asked for it. What a person
 * opens there by a link or a form is not meant. Another origin of the same site is another site here: none of them embeds the broker.
 */
export function isEmbeddedElsewhere(request: WithHeaders): boolean {
  const { 'sec-fetch-site': site, 'sec-fetch-dest': destination } = request.headers;
  if (site !== 'cross-site' && site !== 'same-site') return false;
  return isAhead(request) || (destination !== undefined && destination !== 'document');
}

function isAhead({ headers }: WithHeaders): boolean {
  return headers['sec-purpose'] !== undefined;
}
