import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import type { Locale } from './locale.js';
import { problemMessagesOf } from './messages/messages.js';

type Failed = Extract<ConnectOutcome, { kind: 'failed' }>;

/** Why a connect failed after Google sent the browser back, for the person in front of it. */
export function failureText({ code, cause }: Failed, locale: Locale): string {
  const { failures, codes } = problemMessagesOf(locale);
  if (cause === 'org_internal') return failures.org_internal;
  if (code === 'slots_full') return codes.slots_full.detail;
  return isFailure(code, failures) ? failures[code] : failures.google_refused;
}

function isFailure<Texts extends object>(code: string, texts: Texts): code is string & keyof Texts {
  return code !== 'title' && Object.hasOwn(texts, code);
}
