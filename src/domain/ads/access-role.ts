/**
 * What a user may do with a Google Ads account, the most powerful first. Google names them so:
 * https://developers.google.com/google-ads/api/reference/rpc/v26/AccessRoleEnum.AccessRole
 * `EMAIL_ONLY` is a recipient of mails and may call nothing.
 */
export const ACCESS_ROLES = ['ADMIN', 'STANDARD', 'READ_ONLY', 'EMAIL_ONLY'] as const;

export type AccessRole = (typeof ACCESS_ROLES)[number];

/** The roles that a call can be limited to, the least powerful first. */
export const CALLING_ROLES = ['READ_ONLY', 'STANDARD', 'ADMIN'] as const satisfies readonly AccessRole[];

export function isAccessRole(value: unknown): value is AccessRole {
  return ACCESS_ROLES.some((role) => role === value);
}

/**
 * Sorts the more powerful role first. An unknown role (null) comes after those that can certainly
 * read, and before the one that certainly cannot.
 */
export function byPower(a: AccessRole | null, b: AccessRole | null): number {
  return rank(a) - rank(b);
}

/** Whether a role is known to be enough. */
export function isAtLeast(role: AccessRole | null, least: AccessRole): boolean {
  return role !== null && ACCESS_ROLES.indexOf(role) <= ACCESS_ROLES.indexOf(least);
}

/** Whether a role is known to be no more than that. */
export function isAtMost(role: AccessRole | null, most: AccessRole): boolean {
  return role !== null && ACCESS_ROLES.indexOf(role) >= ACCESS_ROLES.indexOf(most);
}

function rank(role: AccessRole | null): number {
  return role === null ? ACCESS_ROLES.indexOf('READ_ONLY') + 0.5 : ACCESS_ROLES.indexOf(role);
}
