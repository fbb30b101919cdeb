/**
 * What a query or a form of the console says. An empty field was not filled in, and one that came twice has no meaning. Owns how
 * texts, choices, times and names of services are read. Does not own what a page does with them.
 */
import { isRFC3339 } from 'class-validator';
import { isUserId, USER_ID_RULE } from '../domain/access/user-rule.js';
import { invalidRequest } from '../domain/errors.js';
import { isPlainText } from '../domain/text.js';
import type { ServicesRepository } from '../token-store/services/services.repository.js';

export type FormValues = Readonly<Record<string, unknown>>;

const MAX_LENGTH = 4096;

/** @throws {BrokerError} `invalid_request` */
export function textIn(values: FormValues | undefined, name: string): string | null {
  const value = values?.[name];
  if (typeof value !== 'string') return null;
  const text = value.trim().replaceAll(/[\r\n\t]+/g, ' ');
  if (text === '') return null;
  if (text.length > MAX_LENGTH || !isPlainText(text)) {
    throw invalidRequest({ [name]: `must be at most ${MAX_LENGTH} characters, without control characters.` });
  }
  return text;
}

/** A user id as it is: blanks at its ends belong to it. @throws {BrokerError} `invalid_request` */
export function userIn(values: FormValues | undefined): string | null {
  const value = values?.['user'];
  if (typeof value !== 'string' || value === '') return null;
  if (!isUserId(value)) throw invalidRequest({ user: USER_ID_RULE });
  return value;
}

/** @throws {BrokerError} `invalid_request` */
export function choiceIn<Choice extends string>(
  values: FormValues | undefined,
  name: string,
  choices: readonly Choice[],
): Choice | null {
  const text = textIn(values, name);
  if (text === null) return null;
  const chosen = choices.find((choice) => choice === text);
  if (chosen === undefined) throw invalidRequest({ [name]: `must be one of ${choices.join(', ')}.` });
  return chosen;
}

const DAY = /^\d{4}-\d\d-\d\d$/;

/** A day means its beginning in UTC. @throws {BrokerError} `invalid_request` */
export function timeIn(values: FormValues | undefined, name: string): Date | null {
  const text = textIn(values, name);
  if (text === null) return null;
  const time = DAY.test(text) ? `${text}T00:00:00Z` : text;
  const date = new Date(time);
  // The years that PostgreSQL reads.
  const isKnown = date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999;
  if (!isRFC3339(time) || !isKnown) {
    throw invalidRequest({
      [name]: 'must be a day such as 2026-11-21, or a time such as 2026-11-21T12:00:00Z.',
    });
  }
  return date;
}

/** A cursor as a link of the page before has it. */
export function cursorIn(values: FormValues): string | undefined {
  return textIn(values, 'cursor') ?? undefined;
}

/**
 * The id of the service that a filter names, one that the broker refuses, too.
 * @throws {BrokerError} `invalid_request`
 */
export async function serviceIdOf(
  services: ServicesRepository,
  idOrName: string | null,
): Promise<string | null> {
  if (idOrName === null) return null;
  const service = await services.findNamed(idOrName);
  if (service) return service.id;
  throw invalidRequest({ service: 'is neither the name nor the id of a service.' });
}
