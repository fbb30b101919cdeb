/**
 * messages/ owns what pages say, one file a language and subject, all of one type: a message that a language lacks fails
 * the build. A message is a text, or a function of its facts; names are passed in as elements, so that they keep their direction.
 * Does not own the words of scopes (scopes/), nor the texts of the API, which are English.
 */
import type { Locale } from '../locale.js';
import { CONNECT_DE } from './connect.de.js';
import { CONNECT_EN, type ConnectMessages } from './connect.en.js';
import { CONNECT_FR } from './connect.fr.js';
import { CONNECT_ID } from './connect.id.js';
import { MY_GRANTS_DE } from './my-grants.de.js';
import { MY_GRANTS_EN, type MyGrantsMessages } from './my-grants.en.js';
import { MY_GRANTS_FR } from './my-grants.fr.js';
import { MY_GRANTS_ID } from './my-grants.id.js';
import { PROBLEMS_DE } from './problems.de.js';
import { PROBLEMS_EN, type ProblemMessages } from './problems.en.js';
import { PROBLEMS_FR } from './problems.fr.js';
import { PROBLEMS_ID } from './problems.id.js';

const CONNECT: Readonly<Record<Locale, ConnectMessages>> = {
  en: CONNECT_EN,
  id: CONNECT_ID,
  fr: CONNECT_FR,
  de: CONNECT_DE,
};

const PROBLEMS: Readonly<Record<Locale, ProblemMessages>> = {
  en: PROBLEMS_EN,
  id: PROBLEMS_ID,
  fr: PROBLEMS_FR,
  de: PROBLEMS_DE,
};

const MY_GRANTS: Readonly<Record<Locale, MyGrantsMessages>> = {
  en: MY_GRANTS_EN,
  id: MY_GRANTS_ID,
  fr: MY_GRANTS_FR,
  de: MY_GRANTS_DE,
};

export function connectMessagesOf(locale: Locale): ConnectMessages {
  return CONNECT[locale];
}

export function problemMessagesOf(locale: Locale): ProblemMessages {
  return PROBLEMS[locale];
}

export function myGrantsMessagesOf(locale: Locale): MyGrantsMessages {
  return MY_GRANTS[locale];
}
