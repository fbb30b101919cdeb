import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { type AccessRole, isAccessRole } from '../../domain/ads/access-role.js';
import { type AdsAccount, customerIdOf } from '../../domain/ads/account-tree.js';
import { AdsFailure } from '../../domain/ads/ads-failure.js';
import type { Secret } from '../../domain/secret.js';
import { foldEmail, printableLine } from '../../domain/text.js';
import { ShutdownSignal } from '../shutdown-signal.js';
import { type AccountBelow, type AdsCall, type AdsListing, AdsRequests } from './ads-http.client.js';

const CLIENT_FIELDS = ['id', 'level', 'manager', 'descriptive_name', 'status']
  .map((field) => `customer_client.${field}`)
  .join(', ');

/**
 * The Google Ads API over REST, with the user's own access token. Requests throw `AdsFailure` and nothing else.
 * https://developers.google.com/google-ads/api/docs/account-management/get-account-hierarchy
 */
@Injectable()
export class GoogleAdsApi {
  readonly #requests: AdsRequests;

  constructor(settings: Settings, shutdown: ShutdownSignal) {
    this.#requests = new AdsRequests(settings, shutdown.signal);
  }

  /** The customer ids of the accounts that the user was invited to. Knows nothing of what is below them. */
  async accessibleCustomers(token: Secret): Promise<string[]> {
    try {
      const { resourceNames } = await this.#requests.get('customers:listAccessibleCustomers', token);
      // Absent where there are none. Anything but a list must not count as empty.
      if (resourceNames === undefined || resourceNames === null) return [];
      if (!Array.isArray(resourceNames))
        throw new AdsFailure('unavailable', 'invalid_response', 'The response holds no list of accounts.');
      return resourceNames.flatMap((name) => (typeof name === 'string' ? (customerIdOf(name) ?? []) : []));
    } catch (error) {
      if (error instanceof AdsFailure && error.kind === 'no_ads_user') return [];
      throw error;
    }
  }

  /** Google lists no parents, only how far below an account is: links are read one level at a time. */
  async list(call: AdsCall): Promise<AdsListing> {
    const { accounts, isCutOff } = await this.#customerClients(call, ' WHERE customer_client.level <= 1');
    const isSelf = ({ account, level }: AccountBelow) => level === 0 || account.id === call.customerId;
    return {
      self: accounts.find(isSelf)?.account ?? null,
      clients: accounts.filter((each) => !isSelf(each)).map(({ account }) => account),
      isCutOff,
    };
  }

  /** Everything below an account, without who manages whom. */
  async listAll(call: AdsCall): Promise<readonly AccountBelow[]> {
    const { accounts } = await this.#customerClients(call, '');
    return accounts.filter(({ level }) => Number.isInteger(level) && level > 0);
  }

  async #customerClients(
    call: AdsCall,
    where: string,
  ): Promise<{ readonly accounts: readonly AccountBelow[]; readonly isCutOff: boolean }> {
    const query = `SELECT ${CLIENT_FIELDS} FROM customer_client${where}`;
    const { rows, isCutOff } = await this.#requests.search(call, query);
    const accounts = rows.flatMap((row) => {
      const { level, ...fields } = record(row['customerClient']);
      const account = readAccount(fields);
      return account ? [{ account, level: Number(level) }] : [];
    });
    return { accounts, isCutOff };
  }

  async account(call: AdsCall): Promise<AdsAccount | null> {
    const { rows } = await this.#requests.search(
      call,
      'SELECT customer.id, customer.manager, customer.descriptive_name, customer.status FROM customer LIMIT 1',
    );
    return readAccount(record(rows[0]?.['customer']));
  }

  /** @returns null where Google does not show the role to this user */
  async roleOf(call: AdsCall, email: string): Promise<AccessRole | null> {
    // Compared here, not in the query: addresses are compared without case, and need no quoting.
    const { rows } = await this.#requests.search(
      call,
      'SELECT customer_user_access.access_role, customer_user_access.email_address FROM customer_user_access',
    );
    for (const row of rows) {
      const { accessRole, emailAddress } = record(row['customerUserAccess']);
      if (typeof emailAddress !== 'string' || foldEmail(emailAddress) !== foldEmail(email)) continue;
      return isAccessRole(accessRole) ? accessRole : null;
    }
    return null;
  }
}

function readAccount(fields: Readonly<Record<string, unknown>>): AdsAccount | null {
  const text = (name: string) => {
    const value = fields[name];
    // It is stored and shown: PostgreSQL takes neither NUL nor lone surrogates.
    const line = typeof value === 'string' ? printableLine(value) : '';
    return line === '' ? null : line;
  };
  // 64-bit numbers are strings in Google's JSON.
  const id = customerIdOf(String(fields['id']));
  if (id === null) return null;
  // A field that is false may be left out.
  return { id, name: text('descriptiveName'), manager: fields['manager'] === true, status: text('status') };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
