/**
 * Google Ads accounts, their managers and users, and one question about them: may this user call this account through
 * that one? https://developers.google.com/google-ads/api/docs/oauth/access-model
 */
export type AdsRole = 'ADMIN' | 'STANDARD' | 'READ_ONLY' | 'EMAIL_ONLY';

export interface StandInAdsAccount {
  id: string;
  name: string;
  manager?: boolean;
  /** Google's CustomerStatus; ENABLED if left out. One that is not enabled cannot be called. */
  status?: string;
  /** The error of GoogleAdsFailure with which this account answers each call of any user. */
  refuses?: { authenticationError: string } | { authorizationError: string };
}

export interface AdsHierarchy {
  accounts: StandInAdsAccount[];
  /** Pairs of a manager and an account directly below it. */
  links: [manager: string, client: string][];
  /** Users who were invited to an account. */
  users: { customer: string; email: string; role: AdsRole }[];
}

export const noAds = (): AdsHierarchy => ({ accounts: [], links: [], users: [] });

/** The accounts of the example in Google's guide. */
export const guideIds = {
  M1: '1000000001',
  M2: '1000000002',
  M3: '1000000003',
  A1: '2000000001',
  A2: '2000000002',
  A3: '2000000003',
  A4: '2000000004',
} as const;

/**
 * The example of Google's guide: M1 manages M2; M2 manages A1, A2, A3; M3 manages A1, A4. U1 and the service account
 * SA1 are on M1, U2 on M2 and M3, U3 on A4, each with the role that the guide names, else STANDARD.
 * @param emails the account that plays each user; the other users are left out
 */
export function guideHierarchy(emails: Partial<Record<'U1' | 'SA1' | 'U2' | 'U3', string>>): AdsHierarchy {
  const { M1, M2, M3, A1, A2, A3, A4 } = guideIds;
  const user = (name: keyof typeof emails, customer: string, role: AdsRole = 'STANDARD') => {
    const email = emails[name];
    return email === undefined ? [] : [{ customer, email, role }];
  };
  return {
    accounts: Object.entries(guideIds).map(([name, id]) => ({ id, name, manager: name.startsWith('M') })),
    links: [
      [M1, M2],
      [M2, A1],
      [M2, A2],
      [M2, A3],
      [M3, A1],
      [M3, A4],
    ],
    users: [
      ...user('U1', M1),
      ...user('SA1', M1),
      ...user('U2', M2),
      ...user('U2', M3, 'READ_ONLY'),
      ...user('U3', A4),
    ],
  };
}

/** The accounts below one, each with the shortest way down to it in links; itself with 0. */
export function levelsBelow({ links }: AdsHierarchy, top: string): Map<string, number> {
  const clients = Map.groupBy(links, ([manager]) => manager);
  const levels = new Map([[top, 0]]);
  for (const [id, level] of levels) {
    for (const [, client] of clients.get(id) ?? []) if (!levels.has(client)) levels.set(client, level + 1);
  }
  return levels;
}

/** The accounts that a user was invited to. EMAIL_ONLY does not count. */
export function directRoles({ users }: AdsHierarchy, email: string): Map<string, AdsRole> {
  const own = users.filter(
    (user) => user.email.toLowerCase() === email.toLowerCase() && user.role !== 'EMAIL_ONLY',
  );
  return new Map(own.map(({ customer, role }) => [customer, role]));
}

/** The role with which a user may call an account through a root, if any. */
export function roleThrough(
  ads: AdsHierarchy,
  email: string,
  customer: string,
  root: string,
): AdsRole | undefined {
  return levelsBelow(ads, root).has(customer) ? directRoles(ads, email).get(root) : undefined;
}
