/** The rows of each resource that can be queried. */
import { createHash } from 'node:crypto';
import { refuseAds, refuseAdsQuery } from './refusals.js';
import { levelsBelow } from './hierarchy.js';
import type { AdsHierarchy, StandInAdsAccount } from './hierarchy.js';
import type { Query, Row } from './query.js';

type Source = (ads: AdsHierarchy, customer: StandInAdsAccount) => Row[];

const status = (account: StandInAdsAccount) => account.status ?? 'ENABLED';

const sources: Partial<Record<string, { fields: string[]; rows: Source }>> = {
  customer: {
    fields: ['id', 'descriptive_name', 'manager', 'status'].map((field) => `customer.${field}`),
    rows: (_ads, customer) => [
      {
        'customer.id': Number(customer.id),
        'customer.descriptive_name': customer.name,
        'customer.manager': customer.manager ?? false,
        'customer.status': status(customer),
      },
    ],
  },
  // Google's reference: "CustomerClients only exist for manager customers", the manager itself included.
  customer_client: {
    fields: ['id', 'client_customer', 'level', 'manager', 'descriptive_name', 'status', 'hidden'].map(
      (field) => `customer_client.${field}`,
    ),
    rows: (ads, customer) => {
      if (!customer.manager) return [];
      const accounts = new Map(ads.accounts.map((account) => [account.id, account]));
      return [...levelsBelow(ads, customer.id)].flatMap(([id, level]) => {
        const client = accounts.get(id);
        return client
          ? {
              'customer_client.id': Number(id),
              'customer_client.client_customer': `customers/${id}`,
              'customer_client.level': level,
              'customer_client.manager': client.manager ?? false,
              'customer_client.descriptive_name': client.name,
              'customer_client.status': status(client),
              'customer_client.hidden': false,
            }
          : [];
      });
    },
  },
  customer_user_access: {
    fields: ['user_id', 'email_address', 'access_role'].map((field) => `customer_user_access.${field}`),
    rows: (ads, { id }) =>
      ads.users
        .filter(({ customer }) => customer === id)
        .map(({ email, role }) => ({
          'customer_user_access.user_id': numberOf([email]),
          'customer_user_access.email_address': email,
          'customer_user_access.access_role': role,
        })),
  },
  campaign: {
    fields: [
      ...['id', 'name', 'status'].map((field) => `campaign.${field}`),
      ...['impressions', 'clicks', 'cost_micros'].map((field) => `metrics.${field}`),
    ],
    rows: (_ads, { id }) =>
      ['Brand', 'Spring sale'].map((name) => ({
        'campaign.id': numberOf([id, name]),
        'campaign.name': name,
        'campaign.status': 'ENABLED',
        'metrics.impressions': numberOf([id, name, 'impressions']) % 50_000,
        'metrics.clicks': numberOf([id, name, 'clicks']) % 2_000,
        'metrics.cost_micros': (numberOf([id, name, 'cost']) % 900) * 1_000_000,
      })),
  },
};

export function rowsFor(query: Query, ads: AdsHierarchy, customer: StandInAdsAccount): Row[] {
  const source = Object.hasOwn(sources, query.resource) ? sources[query.resource] : undefined;
  if (!source) {
    throw refuseAdsQuery(
      'BAD_RESOURCE_TYPE_IN_FROM_CLAUSE',
      `Error in FROM clause: '${query.resource}' is not a valid resource name.`,
    );
  }
  const filtered = query.conditions.map(({ field }) => field).filter((field) => field !== 'segments.date');
  for (const field of [...query.fields, ...filtered]) {
    if (!source.fields.includes(field)) {
      throw refuseAdsQuery('UNRECOGNIZED_FIELD', `Unrecognized field in the query: '${field}'.`);
    }
  }
  if (customer.manager && query.fields.some((field) => field.startsWith('metrics.'))) {
    throw refuseAds('ads_metrics_for_manager');
  }
  return source.rows(ads, customer);
}

/** A number that depends on the query only. */
const numberOf = (question: string[]): number =>
  createHash('sha256').update(JSON.stringify(question)).digest().readUInt32BE();
