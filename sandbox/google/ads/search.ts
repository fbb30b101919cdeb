/**
 * POST /vN/customers/{id}/googleAds:search and :searchStream, and GET /vN/customers:listAccessibleCustomers.
 * https://developers.google.com/google-ads/api/rest/common/search
 */
import { authorizeCall } from '../api/authorize-call.js';
import type { Google } from '../google.js';
import type { Incoming } from '../incoming.js';
import { refuseCall } from '../refusals.js';
import { type EndpointResponse, json } from '../response.js';
import { directRoles, roleThrough, type StandInAdsAccount } from './hierarchy.js';
import { parseQuery, select, toJson } from './query.js';
import { refuseAds, refuseAdsAccount } from './refusals.js';
import { rowsFor } from './rows.js';

const scope = 'https://www.googleapis.com/auth/adwords';
const served = ['v24', 'v25', 'v26'];

/** Only accounts that the user was invited to; the header login-customer-id changes nothing. */
export function listAccessibleCustomers(google: Google, incoming: Incoming): EndpointResponse {
  const email = callerOf(google, incoming);
  const ids = [...directRoles(google.settings.ads, email).keys()];
  if (ids.length === 0) throw refuseAds('ads_not_ads_user');
  return json(200, { resourceNames: ids.map((id) => `customers/${id}`) });
}

export function search(google: Google, incoming: Incoming): EndpointResponse {
  const { rows, fields } = found(google, incoming);
  const start = pageStart(incoming.form['pageToken']);
  const end = start + google.settings.adsPageSize;
  const results = rows.slice(start, end);
  return json(200, {
    // As in all of Google's JSON, what is empty is left out.
    ...(results.length > 0 && { results }),
    ...(end < rows.length && { nextPageToken: Buffer.from(String(end)).toString('base64url') }),
    fieldMask: fields.join(','),
  });
}

export function searchStream(google: Google, incoming: Incoming): EndpointResponse {
  const { rows, fields } = found(google, incoming);
  return json(200, [
    {
      ...(rows.length > 0 && { results: rows }),
      fieldMask: fields.join(','),
      requestId: 'stand-in',
    },
  ]);
}

function found(google: Google, incoming: Incoming): { rows: object[]; fields: string[] } {
  const { ads, adsRolesForAdminsOnly } = google.settings;
  const email = callerOf(google, incoming);
  const customer = called(google, incoming);
  const root = incoming.loginCustomerId ?? customer.id;
  const role = roleThrough(ads, email, customer.id, root);
  if (role === undefined) throw refuseAds('ads_user_permission_denied');
  if (customer.refuses) throw refuseAdsAccount(customer.refuses);
  if ((customer.status ?? 'ENABLED') !== 'ENABLED') throw refuseAds('ads_customer_not_enabled');
  const query = parseQuery(incoming.form['query']);
  const isHidden = query.resource === 'customer_user_access' && role !== 'ADMIN' && adsRolesForAdminsOnly;
  if (isHidden) throw refuseAds('ads_action_not_permitted');
  const rows = select(rowsFor(query, ads, customer), query);
  return { rows: rows.map((row) => toJson(row, query.fields)), fields: query.fields };
}

function callerOf(google: Google, incoming: Incoming): string {
  const { sub, serviceAccount } = authorizeCall(google, incoming, [scope]);
  const version = /^\/(v\d+)\//.exec(incoming.url)?.[1] ?? '';
  if (!served.includes(version)) throw refuseAds('ads_unsupported_version');
  if (incoming.loginCustomerId !== undefined && !/^\d+$/.test(incoming.loginCustomerId)) {
    throw refuseAds('ads_invalid_login_customer_id');
  }
  // A service account that acts for itself is invited by its own address.
  const email = google.accounts.get(sub)?.email ?? serviceAccount;
  if (email === undefined) throw refuseCall('invalid_credentials');
  return email;
}

/** Google answers alike for an account that does not exist and one without access. */
function called(google: Google, { url }: Incoming): StandInAdsAccount {
  const id = /\/customers\/(\d+)\//.exec(url)?.[1];
  const account = google.settings.ads.accounts.find((each) => each.id === id);
  if (!account) throw refuseAds('ads_user_permission_denied');
  return account;
}

function pageStart(pageToken: unknown): number {
  if (pageToken === undefined || pageToken === '') return 0;
  const start = typeof pageToken === 'string' ? Number(Buffer.from(pageToken, 'base64url').toString()) : NaN;
  if (!Number.isInteger(start)) throw refuseAds('ads_invalid_page_token');
  return start;
}
