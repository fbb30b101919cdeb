import type { FastifyInstance } from 'fastify';
import { actingUser, homeOf } from './acting-user.js';
import { BrokerRefusal, type Broker, type Token, type TokenQuery } from './broker.js';
import { GoogleRefusal } from './google-refusal.js';
import { fieldsOf } from './page.js';
import { queryCampaigns } from './query-campaigns.js';
import { queryReport } from './query-report.js';
import { adsPage, noAdsPage, reportPage } from './report-page.js';
import { isKind, SCOPES } from './scopes.js';

/** Errors that the user can fix by going through the authorization flow. */
const FIXED_BY_CONNECTING = ['not_connected', 'insufficient_scope', 'reconnect_required'];

interface Place {
  readonly url: string;
  readonly standInUrl: string | null;
}

interface ApiRequest {
  readonly user: string;
  readonly kind: keyof typeof SCOPES;
  readonly account: string | undefined;
  /** A Google Ads account; the first advertiser without one. */
  readonly customer: string | undefined;
}

/** "Test an API request": get a token from the broker and a report from Google, and show it. */
export function tryApiRequest(app: FastifyInstance, broker: Broker, { url, standInUrl }: Place): void {
  app.get('/report', async (request, reply) => {
    const fields = fieldsOf(request);
    const asked = requestOf(fields);
    const connected = fields.get('connect');
    if (connected !== null && connected !== 'success') {
      const error = fields.get('connect_error');
      const outcome = { connect: connected, ...(error === null ? {} : { connect_error: error }) };
      return reply.redirect(homeOf(asked.user, outcome));
    }
    try {
      const page =
        asked.kind === 'ads'
          ? await askAds(asked, addressOf(asked))
          : await askYouTube(asked, addressOf(asked));
      return await reply.type('text/html; charset=utf-8').send(page);
    } catch (error) {
      const link = connected === null ? connectLink(error) : null;
      // What ended is shown, with the link as the next step.
      if (link === null || hasEnded(error, fields)) throw error;
      return reply.redirect(link);
    }
  });

  function addressOf({ user, kind, account, customer }: ApiRequest): string {
    const query = new URLSearchParams({
      user,
      kind,
      ...(account === undefined ? {} : { account }),
      ...(customer === undefined ? {} : { customer }),
    });
    return new URL(`/report?${query.toString()}`, url).href;
  }

  async function askYouTube({ user, kind, account }: ApiRequest, returnTo: string): Promise<string> {
    const query = { scope: SCOPES[kind], account, return_to: returnTo };
    const metrics = kind === 'revenue' ? 'revenue' : 'views';
    const answer = await callWithToken(user, query, ({ access_token }) =>
      queryReport(access_token, metrics, standInUrl),
    );
    return reportPage({ user, ...answer });
  }

  async function askAds({ user, account, customer }: ApiRequest, returnTo: string): Promise<string> {
    // Refused with a link where the scope is missing.
    const token = await broker.token(user, { scope: SCOPES.ads, account, return_to: returnTo });
    const accounts = await broker.adsAccounts(user, token.account.sub);
    // Of an account that refuses, it is not known whether it is an advertiser.
    const refusing = new Set(accounts.gaps.map(({ customer_id }) => customer_id));
    const advertisers = accounts.customers.filter(({ id, manager }) => !manager && !refusing.has(id));
    const chosen = advertisers.find(({ id }) => id === customer) ?? advertisers[0];
    if (!chosen) return noAdsPage(user, token, accounts);
    const query = { account: token.account.sub, customer_id: chosen.id, return_to: returnTo };
    const answer = await callWithToken(user, query, ({ access_token, headers = {} }) =>
      queryCampaigns(access_token, headers, chosen.id, standInUrl),
    );
    return adsPage({ user, ...answer, customer: chosen, accounts });
  }

  /** With another token, once, where Google refuses the first: its user may have ended it at Google meanwhile. */
  async function callWithToken<T>(user: string, query: TokenQuery, call: (token: Token) => Promise<T>) {
    const token = await broker.token(user, query);
    try {
      return { token, report: await call(token), isReplaced: false };
    } catch (error) {
      if (!(error instanceof GoogleRefusal) || !error.isOfToken) throw error;
      const other = await broker.token(user, { ...query, refused: token.token_id });
      return { token: other, report: await call(other), isReplaced: true };
    }
  }
}

/** Whether a grant was there, and Google accepts its tokens no longer: the user may not know that yet. */
function hasEnded(error: unknown, fields: URLSearchParams): boolean {
  if (!(error instanceof BrokerRefusal)) return false;
  const { code } = error.problem;
  return code === 'reconnect_required' || (code === 'not_connected' && fields.get('after') === 'revoke');
}

function requestOf(fields: URLSearchParams): ApiRequest {
  const kind = fields.get('kind');
  const customer = fields.get('customer');
  return {
    user: actingUser(fields),
    kind: isKind(kind) ? kind : 'views',
    account: fields.get('account') || undefined,
    customer: customer !== null && /^\d{1,20}$/.test(customer) ? customer : undefined,
  };
}

/** Where the user can fix it: the link of the refusal, which leads back here. Null where a consent would not help. */
function connectLink(error: unknown): string | null {
  if (!(error instanceof BrokerRefusal) || !FIXED_BY_CONNECTING.includes(error.problem.code)) return null;
  const { connect_url: link, who_must_act: actor = 'user', cause } = error.problem;
  // Google has disabled the account: its owner cannot sign in to consent either.
  return actor === 'user' && cause !== 'account_disabled' ? (link ?? null) : null;
}
