import { type AccessRole, isAccessRole } from './access-role.js';
import { ADS_ERROR_CODE } from './ads-failure.js';

/** A Google Ads account: a manager, or an advertiser at a leaf. */
export interface AdsAccount {
  /** Its customer id: digits, without dashes. */
  readonly id: string;
  readonly name: string | null;
  readonly manager: boolean;
  /** Google's CustomerStatus, such as `ENABLED`; null where Google does not show it. */
  readonly status: string | null;
}

/** An account that a manager manages directly. One account can have several managers. */
export interface ManagerLink {
  readonly manager: string;
  readonly client: string;
}

/** An account that the user was invited to. Everything below it follows from that. */
export interface DirectAccess {
  readonly customer: string;
  /** Null: Google does not show it. */
  readonly role: AccessRole | null;
}

/**
 * Why the tree may lack something.
 * - `closed`: the account is cancelled or not yet active; Google lists nothing below it
 * - `refused`: Google did not let this user list what is below it
 * - `blocked`: the account refuses for a reason of its own, such as a user without 2-Step Verification
 * - `cut_off`: there is more below it than one synchronisation looks at
 */
export const TREE_GAPS = ['closed', 'refused', 'blocked', 'cut_off'] as const;

export interface TreeGap {
  readonly customer: string;
  readonly why: (typeof TREE_GAPS)[number];
  /** Google's code, such as `INCOMPLETE_SIGNUP`; absent where Google refused nothing, and in trees stored without it. */
  readonly cause?: string;
}

/** An account below one that does not say what it manages: a root above lists it, without the links between them. */
export interface DistantAccess {
  readonly root: string;
  readonly customer: string;
  /** Links between the two, on the shortest way. */
  readonly distance: number;
}

/** What one user reaches in Google Ads: a directed acyclic graph, although it is called a tree, as Google does. */
export interface AccountTree {
  readonly accounts: readonly AdsAccount[];
  readonly links: readonly ManagerLink[];
  readonly direct: readonly DirectAccess[];
  readonly gaps: readonly TreeGap[];
  /** What no links lead to. Absent where there is none. */
  readonly distant?: readonly DistantAccess[];
}

/** Whether a stored value has the form of a tree: what it says becomes headers, and the names of roots. */
export function isAccountTree(value: unknown): value is AccountTree {
  const { accounts, links, direct, gaps, distant = [] } = record(value);
  return (
    isListOf(accounts, ({ id }) => isId(id)) &&
    isListOf(links, ({ manager, client }) => isId(manager) && isId(client)) &&
    isListOf(direct, ({ customer, role }) => isId(customer) && (role === null || isAccessRole(role))) &&
    isListOf(gaps, ({ customer, cause }) => isId(customer) && (cause === undefined || isCode(cause))) &&
    isListOf(
      distant,
      ({ root, customer, distance }) => isId(root) && isId(customer) && Number.isSafeInteger(distance),
    )
  );
}

function isListOf(value: unknown, isMember: (member: Readonly<Record<string, unknown>>) => boolean): boolean {
  return Array.isArray(value) && value.every((member) => isMember(record(member)));
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function isCode(value: unknown): boolean {
  return typeof value === 'string' && ADS_ERROR_CODE.test(value);
}

function isId(value: unknown): boolean {
  return typeof value === 'string' && customerIdOf(value) === value;
}

/** A tree with a cycle is not a tree: it does not say who manages whom. */
export class CircularTree extends Error {
  override readonly name = 'CircularTree';

  /** @param cycle customer ids, each the manager of the next, the last of the first */
  constructor(readonly cycle: readonly string[]) {
    super(`A cycle of managers: ${cycle.join(' > ')} > ${cycle[0] ?? ''}`);
  }
}

/** A Google Ads customer id as callers write it: `1234567890`, or `123-456-7890` as the Google Ads pages show it. */
export const CUSTOMER_ID = /^(\d{1,19}|\d{3}-\d{3}-\d{4})$/;

/**
 * Reads a customer id, or the API's resource name of one (`customers/1234567890`). It is a 64-bit number without dashes
 * for the API.
 * @returns its digits; null for any other text
 */
export function customerIdOf(text: string): string | null {
  const id = text.replace(/^customers\//, '');
  return CUSTOMER_ID.test(id) ? id.replaceAll('-', '') : null;
}
