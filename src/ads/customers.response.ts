import { ApiProperty } from '@nestjs/swagger';
import type { AccessMap } from '../domain/ads/access-map.js';
import { TREE_GAPS, type TreeGap } from '../domain/ads/account-tree.js';
import { ADS_FAILURES, explainAdsFailure } from '../domain/ads/ads-failure.js';
import { ACTORS } from '../domain/google/google-failure.js';
import { NEXT_PAGE } from '../http/pagination/page.dto.js';
import { AccountResponse } from '../http/validation/account.response.js';
import { AccessPathResponse, toAccessPathResponse } from './access-path.response.js';

const GAPS = [...TREE_GAPS, 'unknown', 'unreached'];
const GAP_ACTORS = ACTORS.filter((actor) => ADS_FAILURES.some(({ whoMustAct }) => whoMustAct === actor));

class CustomerResponse {
  @ApiProperty({ example: '1000000004' })
  id!: string;

  @ApiProperty({ type: String, nullable: true })
  name!: string | null;

  @ApiProperty({ description: 'A manager, or an advertiser' })
  manager!: boolean;

  @ApiProperty({ type: String, nullable: true, description: "Google's CustomerStatus", example: 'ENABLED' })
  status!: string | null;

  @ApiProperty({ type: [String], description: 'The managers directly above it that the user can see' })
  managers!: string[];

  @ApiProperty({
    type: [AccessPathResponse],
    description: 'The best first: by role, then by the shortest path',
  })
  access!: AccessPathResponse[];
}

class GapResponse {
  @ApiProperty({ example: '1000000002' })
  customer_id!: string;

  @ApiProperty({ enum: GAPS })
  why!: string;

  @ApiProperty({
    type: String,
    nullable: true,
    description: "Google's code, where Google refused",
    example: 'TWO_STEP_VERIFICATION_NOT_ENROLLED',
  })
  cause!: string | null;

  @ApiProperty({
    enum: GAP_ACTORS,
    type: String,
    nullable: true,
    description: 'Who can remedy it, where Google refused',
  })
  who_must_act!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'What it means and what to do, in words' })
  remedy!: string | null;
}

/** The accounts a user reaches in Google Ads, and how. */
export class CustomersResponse {
  @ApiProperty({ type: AccountResponse })
  account!: AccountResponse;

  @ApiProperty({ description: 'The alias of the Google client', example: 'default' })
  client!: string;

  @ApiProperty({ format: 'date-time', description: 'When the broker read the accounts from Google Ads' })
  synced_at!: string;

  @ApiProperty({ description: 'Seconds since then', example: 42 })
  age!: number;

  @ApiProperty({ description: 'Whether nothing is missing: `gaps` is empty on every page' })
  complete!: boolean;

  @ApiProperty({ type: [CustomerResponse], description: 'In the order of their ids' })
  customers!: CustomerResponse[];

  @ApiProperty({ type: [GapResponse], description: 'Accounts about which something is missing, and why' })
  gaps!: GapResponse[];

  @ApiProperty({ type: String, nullable: true, description: NEXT_PAGE })
  next!: string | null;
}

/** `limit` customer ids behind `after`: the accounts and gaps about them, and the last id where there are more. */
export function toCustomers(
  map: AccessMap,
  after: string | null,
  limit: number,
): Pick<CustomersResponse, 'customers' | 'gaps' | 'complete' | 'next'> {
  const { ids, gaps } = orderOf(map);
  const start = after === null ? 0 : ids.findIndex((id) => byNumber(after, id) < 0);
  const page = start < 0 ? [] : ids.slice(start, start + limit);
  return {
    complete: gaps.size === 0,
    customers: page.flatMap((id) => toCustomer(map, id) ?? []),
    gaps: page.flatMap((id) => gaps.get(id) ?? []),
    next: start >= 0 && ids.length > start + limit ? (page.at(-1) ?? null) : null,
  };
}

function toCustomer(map: AccessMap, id: string): CustomerResponse | null {
  const account = map.account(id);
  if (!account) return null;
  const { name, manager, status } = account;
  return {
    id,
    name,
    manager,
    status,
    managers: map.managersOf(id),
    access: map.pathsTo(id).map(toAccessPathResponse),
  };
}

interface Order {
  /** Of accounts and gaps. */
  readonly ids: readonly string[];
  readonly gaps: ReadonlyMap<string, readonly GapResponse[]>;
}

/** By map: sorting many accounts for each page is slow. */
const ORDERS = new WeakMap<AccessMap, Order>();

function orderOf(map: AccessMap): Order {
  const known = ORDERS.get(map);
  if (known) return known;
  const gaps = new Map<string, GapResponse[]>();
  const add = (id: string, gap: GapResponse) => gaps.set(id, [...(gaps.get(id) ?? []), gap]);
  for (const gap of map.tree.gaps) add(gap.customer, toGap(gap));
  for (const id of map.unknown) add(id, unexplained(id, 'unknown'));
  for (const id of map.unreached) add(id, unexplained(id, 'unreached'));
  const ids = [...new Set([...map.tree.accounts.map(({ id }) => id), ...gaps.keys()])].sort(byNumber);
  const order = { ids, gaps };
  ORDERS.set(map, order);
  return order;
}

function toGap({ customer, why, cause }: TreeGap): GapResponse {
  if (cause === undefined || why === 'cut_off') return unexplained(customer, why);
  // A user whom Google lists and then does not know is a refusal too: its row has another kind.
  const kind = cause === 'NOT_ADS_USER' ? 'no_ads_user' : why;
  const { meaning, whoMustAct, remedy } = explainAdsFailure({ kind, error: cause, description: '' });
  return { customer_id: customer, why, cause, who_must_act: whoMustAct, remedy: `${meaning} ${remedy}` };
}

function unexplained(customer_id: string, why: string): GapResponse {
  return { customer_id, why, cause: null, who_must_act: null, remedy: null };
}

/** Digits without leading zeros, of up to 19: too many for a number. */
function byNumber(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
