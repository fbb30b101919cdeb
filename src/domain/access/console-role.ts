import { foldEmail } from '../text.js';

/** What a person may do in the console. An operator may also do what a viewer may. */
export type ConsoleRole = 'viewer' | 'operator';

/** A person, as the issuer of the sign-in names them. */
export interface ConsoleIdentity {
  /** Verified by the issuer. */
  readonly email: string;
  /** The Workspace that the account belongs to, as Google says. */
  readonly hostedDomain: string | null;
}

/** CONSOLE_OPERATORS and CONSOLE_VIEWERS: email addresses, and domains with @ in front. */
export interface ConsolePeople {
  readonly operators: readonly string[];
  readonly viewers: readonly string[];
  /**
   * Whether the issuer names hosted domains. An address at a domain says less: anyone can have a Google Account with the
   * address that a company gave them, and keeps it. https://developers.google.com/identity/openid-connect/openid-connect#hd-param
   */
  readonly isGoogle: boolean;
}

/** @returns null: the person may not use the console */
export function consoleRoleOf(identity: ConsoleIdentity, people: ConsolePeople): ConsoleRole | null {
  const email = foldEmail(identity.email);
  const domain = people.isGoogle ? identity.hostedDomain : email.slice(email.lastIndexOf('@') + 1);
  const isListed = (list: readonly string[]) =>
    list
      .map(foldEmail)
      .some((entry) =>
        entry.startsWith('@') ? domain !== null && entry.slice(1) === foldEmail(domain) : entry === email,
      );
  if (isListed(people.operators)) return 'operator';
  return isListed(people.viewers) ? 'viewer' : null;
}
