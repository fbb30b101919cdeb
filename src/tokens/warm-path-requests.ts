/**
 * Which requests the warm path may answer: those whose answer depends on nothing but their credential, and their URL or form. Any other goes on
 * to Fastify as it came. Owns no answer: warm-path.ts.
 */
import type { IncomingMessage } from 'node:http';
import { isHost } from '../http/security-headers.js';

/** As client libraries write it. Others go on to Fastify. */
const FORM_TYPES = ['', ';charset=UTF-8', ';charset=utf-8', '; charset=UTF-8', '; charset=utf-8'].map(
  (more) => `application/x-www-form-urlencoded${more}`,
);
/** A body that fits into the first read of a socket, with any credential and audience. */
const MAX_FORM = 8 * 1024;

/**
 * Whether nothing in a GET request can make its answer another one than its credential and URL do: a body, an expectation,
 * no valid Host (RFC 9112 section 3.2), or a second credential.
 */
export function isPlainGet(request: IncomingMessage): boolean {
  const { headers, rawHeaders } = request;
  return (
    headers.authorization !== undefined &&
    headers['content-length'] === undefined &&
    isPlain(request) &&
    areSingle(rawHeaders, 1)
  );
}

/** The same for a form: a header Authorization says nothing there, and the body says everything but whose cell it was sent to: form.ts. */
export function isPlainForm(request: IncomingMessage): boolean {
  const { headers, rawHeaders } = request;
  const length = Number(headers['content-length']);
  return (
    length > 0 &&
    length <= MAX_FORM &&
    FORM_TYPES.includes(headers['content-type'] ?? '') &&
    isPlain(request) &&
    areSingle(rawHeaders, null)
  );
}

function isPlain({ headers, httpVersionMajor, httpVersionMinor }: IncomingMessage): boolean {
  return (
    httpVersionMajor === 1 &&
    httpVersionMinor === 1 &&
    isHost(headers.host ?? ' ') &&
    headers['transfer-encoding'] === undefined &&
    headers.expect === undefined &&
    headers.upgrade === undefined
  );
}

/** Node keeps the first of several. @param wanted how many credentials; null: however many */
function areSingle(rawHeaders: readonly string[], wanted: number | null): boolean {
  let hosts = 0;
  let credentials = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++;
    if (name?.length === 13 && name.toLowerCase() === 'authorization') credentials++;
  }
  return hosts === 1 && (wanted === null || credentials === wanted);
}

/** @returns null where it is not there yet, or its sender is gone; then nothing was read */
export function readWhole(request: IncomingMessage): Buffer | null {
  const length = Number(request.headers['content-length']);
  if (request.destroyed || request.readableLength !== length) return null;
  return request.read() as Buffer | null;
}
