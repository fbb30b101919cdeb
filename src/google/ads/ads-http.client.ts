import type { Settings } from '../../config/settings.js';
import type { AdsAccount } from '../../domain/ads/account-tree.js';
import { AdsFailure } from '../../domain/ads/ads-failure.js';
import type { Secret } from '../../domain/secret.js';
import { type OutboundRequest, send } from '../../outbound/http-client.js';
import { endpointsFor } from '../endpoints.js';
import { classifyLostRequest, retryAfter } from '../oauth/classify-failure.js';
import { readJsonObject } from '../read-json.js';
import { classifyAdsFailure } from './classify-ads-failure.js';

type Json = Readonly<Record<string, unknown>>;

/** A page holds 10,000 rows, Google says; more than this of one account is not read. */
const MAX_PAGES = 10;
/** 10,000 rows of the fields that are asked for weigh some 3 MB, with the longest names 10. */
const MAX_BYTES = 16 * 1024 * 1024;

type AdsRequest = Pick<OutboundRequest, 'method' | 'headers' | 'body'>;

/** Sends requests to the Google Ads API. They only read, so each is retried once after an outage. */
export class AdsRequests {
  readonly #api: string;
  readonly #timeoutMs: number;

  /** @param shutdown cancels requests */
  constructor(
    { googleStandInUrl, googleAdsApiVersion, googleTimeoutMs }: Settings,
    private readonly shutdown: AbortSignal,
  ) {
    this.#api = `${endpointsFor(googleStandInUrl).ads}/${googleAdsApiVersion}`;
    this.#timeoutMs = googleTimeoutMs;
  }

  /** @throws {AdsFailure} */
  get(path: string, token: Secret): Promise<Json> {
    return this.#send(path, { method: 'GET', headers: authorized(token) });
  }

  /**
   * All rows of one query, page by page.
   * https://developers.google.com/google-ads/api/docs/reporting/paging
   * @throws {AdsFailure}
   */
  async search(call: AdsCall, query: string): Promise<{ rows: readonly Json[]; isCutOff: boolean }> {
    const rows: Json[] = [];
    let pageToken = '';
    for (let page = 1; page <= MAX_PAGES; page++) {
      const response = await this.#send(`customers/${call.customerId}/googleAds:search`, {
        method: 'POST',
        headers: {
          ...authorized(call.token),
          'content-type': 'application/json',
          // https://developers.google.com/google-ads/api/docs/concepts/call-structure#cid
          'login-customer-id': call.loginCustomerId,
        },
        body: JSON.stringify({ query, ...(pageToken === '' ? {} : { pageToken }) }),
      });
      rows.push(...rowsOf(response['results']));
      const { nextPageToken } = response;
      if (typeof nextPageToken !== 'string' || nextPageToken === '') return { rows, isCutOff: false };
      pageToken = nextPageToken;
    }
    return { rows, isCutOff: true };
  }

  async #send(path: string, init: AdsRequest): Promise<Json> {
    try {
      return await this.#sendOnce(path, init);
    } catch (error) {
      const mayPass = error instanceof AdsFailure && error.kind === 'unavailable';
      // An immediate retry does not help against a quota.
      if (!mayPass || error.retryAfterSeconds !== null || error.error.includes('EXHAUSTED')) throw error;
      if (error.error === 'too_large') throw error;
      return this.#sendOnce(path, init);
    }
  }

  async #sendOnce(path: string, init: AdsRequest): Promise<Json> {
    const response = await this.#fetch(`${this.#api}/${path}`, init);
    if (response.status !== 200) throw classifyAdsFailure(response);
    const json = readJsonObject(response.body);
    if (json && json['error'] === undefined) return json;
    throw new AdsFailure('unavailable', 'invalid_response', 'The response is not one JSON object.');
  }

  async #fetch(url: string, init: AdsRequest) {
    try {
      const limits = { timeoutMs: this.#timeoutMs, maxBytes: MAX_BYTES, signal: this.shutdown };
      const tracedPath = new URL(url).pathname.replace(/(?<=\/customers\/)\d+/, '{customer_id}');
      const { status, body, headers } = await send(url, { ...init, ...limits, tracedPath });
      return { status, body, retryAfter: retryAfter(headers) };
    } catch (error) {
      const cause = this.shutdown.aborted ? 'stopping' : classifyLostRequest(error).error;
      // The error is dropped, not wrapped: it can hold the request.
      throw new AdsFailure('unavailable', cause);
    }
  }
}

/** Absent where there are none. Anything but a list of objects is an invalid response: it must not count as empty. */
function rowsOf(results: unknown): Json[] {
  if (results === undefined || results === null) return [];
  const isRow = (row: unknown) => typeof row === 'object' && row !== null && !Array.isArray(row);
  if (Array.isArray(results) && results.every(isRow)) return results as Json[];
  throw new AdsFailure('unavailable', 'invalid_response', 'The response holds no rows.');
}

function authorized(token: Secret): Record<string, string> {
  return { authorization: `Bearer ${token.reveal()}` };
}

export interface AdsCall {
  /** The user's own access token, with the scope adwords. */
  readonly token: Secret;
  readonly customerId: string;
  /** An account that the user was invited to, and that leads to the called one: the header `login-customer-id`. */
  readonly loginCustomerId: string;
}

export interface AdsListing {
  /** The called account itself; null where Google lists nothing, as it may for advertisers. */
  readonly self: AdsAccount | null;
  /** The accounts directly below it. */
  readonly clients: readonly AdsAccount[];
  /** Google had more pages than MAX_PAGES. */
  readonly isCutOff: boolean;
}

export interface AccountBelow {
  readonly account: AdsAccount;
  /** Links between the called account and this one, on the shortest way; 0: itself. */
  readonly level: number;
}
