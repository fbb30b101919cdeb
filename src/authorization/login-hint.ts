import { isEmail } from 'class-validator';
import { isPlainText } from '../domain/text.js';
import { rule } from '../http/validation/validators.js';

/** Whether Google takes it as login_hint. */
export function isLoginHint(value: string): boolean {
  if (!isPlainText(value)) return false;
  return value.includes('@') ? isEmail(value, { require_tld: false }) : /^[\x21-\x7e]{1,255}$/.test(value);
}

/** An account, of the form that Google takes as login_hint. */
export const IsLoginHint = rule(
  'isLoginHint',
  (value) => typeof value === 'string' && isLoginHint(value),
  "must be an email address, or Google's id of the account (sub).",
);
