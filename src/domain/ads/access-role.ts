/**
 * What a user may do with a Google Ads account. Google names them so:
 * https://developers.google.com/google-ads/api/reference/rpc/v26/AccessRoleEnum.AccessRole
 * `EMAIL_ONLY` is a recipient of mails and may call nothing.
 */
export type AccessRole = 'ADMIN' | 'STANDARD' | 'READ_ONLY' | 'EMAIL_ONLY';

/** Most powerful first. */
const BY_POWER: readonly AccessRole[] = ['ADMIN', 'STANDARD', 'READ_ONLY', 'EMAIL_ONLY'];

export function isAccessRole(value: unknown): value is AccessRole {
  return BY_POWER.some((role) => role === value);
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
  return role !== null && BY_POWER.indexOf(role) <= BY_POWER.indexOf(least);
}

/** Whether a role is known to be no more than that. */
export function isAtMost(role: AccessRole | null, most: AccessRole): boolean {
  return role !== null && BY_POWER.indexOf(role) >= BY_POWER.indexOf(most);
}

function rank(role: AccessRole | null): number {
  return role === null ? BY_POWER.indexOf('READ_ONLY') + 0.5 : BY_POWER.indexOf(role);
}
