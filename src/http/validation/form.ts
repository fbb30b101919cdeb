import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { BrokerError, invalidRequest } from '../../domain/errors.js';
import { CELL_USER_HEADER } from '../cell-user.js';

/*
 * Forms (application/x-www-form-urlencoded): read exactly as sent, since a decoder that repairs what is malformed would make two
 * requests one. Does not own which parameters a route takes.
 */

/** A parameter that was sent several times has several values. */
export type Form = Readonly<Record<string, string | readonly string[]>>;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws {BrokerError} `invalid_request`: it is not UTF-8, or not percent-encoded */
export function readForm(body: Uint8Array): Form {
  // Without a prototype: `__proto__` is a parameter like any other.
  const form = Object.create(null) as Record<string, string | string[]>;
  try {
    for (const pair of UTF8.decode(body).split('&')) {
      if (pair === '') continue;
      const at = pair.indexOf('=');
      const name = decoded(at < 0 ? pair : pair.slice(0, at));
      const value = at < 0 ? '' : decoded(pair.slice(at + 1));
      const former = form[name];
      // Not copied for each: a body of anyone can have thousands.
      if (typeof former === 'object') former.push(value);
      else form[name] = former === undefined ? value : [former, value];
    }
  } catch {
    throw new BrokerError(
      'invalid_request',
      'The body is not a form in UTF-8 (application/x-www-form-urlencoded).',
    );
  }
  return form;
}

function decoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

/** Names a request with a form in caches: the body holds a credential, and the header the user whose cell it was sent to. */
export function digestOfForm(body: Uint8Array, headers: IncomingHttpHeaders): string {
  const digest = hash('sha256', body, 'base64url');
  const user = headers[CELL_USER_HEADER];
  return user === undefined ? digest : hash('sha256', `${digest} ${String(user)}`, 'base64url');
}

/**
 * The value of a parameter of OAuth: one that is empty counts as left out (RFC 6749 section 3.2).
 * @throws {BrokerError} `invalid_request`: it was sent more than once
 */
export function parameterOf(form: Form, name: string): string | undefined {
  const value = form[name];
  if (typeof value === 'object') throw invalidRequest({ [name]: 'must not be sent more than once.' });
  return value === '' ? undefined : value;
}
