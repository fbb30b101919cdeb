import { accountOfHint, type RequiredAccount } from '../../../domain/connect/connect-request.js';
import type { VerifiedAccount } from '../../../domain/grant/grant.js';
import { EXIT, Failure } from '../../shared/failure.js';

const SUB = /^\d{1,255}$/;
const EMAIL = /^[^\s@]+@[^\s@]+$/;

/** Whether a hint names one account, so that another one can be refused. */
export function isAccountHint(loginHint: string): boolean {
  return SUB.test(loginHint) || EMAIL.test(loginHint);
}

/**
 * Google only suggests the account of login_hint: a browser that is signed in with another one may continue with that.
 * @param loginHint as `isAccountHint` takes it
 */
export function requiredByHint(loginHint: string | null): RequiredAccount | null {
  return loginHint === null ? null : accountOfHint(loginHint);
}

/** Nothing is revoked: that would end every grant of this account to the whole project at Google. */
export function wrongAccount({ email, sub }: VerifiedAccount, loginHint: string): Failure {
  return new Failure(
    EXIT.wrongAccount,
    'wrong_account',
    `The browser was signed in as ${email ?? sub}, and --login_hint names ${loginHint}. No token is shown. Run the ` +
      'command again, open the URL in a private window, and choose the account of --login_hint there.',
  );
}
