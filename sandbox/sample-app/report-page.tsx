import type { ComponentChildren } from 'preact';
import { homeOf } from './acting-user.js';
import { AccountTree, labelOf } from './account-tree.js';
import type { AdsAccounts, AdsCustomer, Token } from './broker.js';
import { Json, Page, renderPage } from './page.js';
import type { Report } from './query-report.js';

const WORDS: Readonly<Record<string, string>> = {
  day: 'Day',
  views: 'Views',
  estimatedMinutesWatched: 'Minutes watched',
  likes: 'Likes',
  estimatedRevenue: 'Estimated revenue ($)',
  campaign: 'Campaign',
  impressions: 'Impressions',
  clicks: 'Clicks',
};

interface ReportFacts {
  readonly user: string;
  readonly token: Token;
  /** Whether Google refused the first token, and the broker got another. */
  readonly isReplaced: boolean;
  readonly report: Report;
}

interface AdsFacts extends ReportFacts {
  readonly customer: AdsCustomer;
  readonly accounts: AdsAccounts;
}

/** The answer of YouTube Analytics. The token that opened it is not shown, only how long it lasts. */
export function reportPage(facts: ReportFacts): string {
  return answerPage(
    facts,
    <p>
      YouTube Analytics, the last seven days of <strong>{nameOf(facts.token)}</strong>.
    </p>,
  );
}

/** The answer of Google Ads, and all accounts that the user reaches: how, and as what. */
export function adsPage(facts: AdsFacts): string {
  const { user, token, customer, accounts } = facts;
  const loginCustomerId = token.headers?.['login-customer-id'];
  return answerPage(
    facts,
    <>
      <p>
        Google Ads, the last seven days of {labelOf(customer)}, as <strong>{nameOf(token)}</strong>.
      </p>
      <p class="soft">
        {loginCustomerId === undefined
          ? 'The access is direct: the call needs no login-customer-id.'
          : `The broker found the way: the call went with login-customer-id ${loginCustomerId}.`}
      </p>
      <Accounts user={user} token={token} accounts={accounts} called={customer.id} />
    </>,
  );
}

/** A token was given, and there is nothing to ask with it. */
export function noAdsPage(user: string, token: Token, accounts: AdsAccounts): string {
  return renderPage(
    <Page title="No Google Ads account">
      <h1>No Google Ads account</h1>
      <p>
        <strong>{nameOf(token)}</strong> gave its permission, and reaches no advertiser in Google Ads. Have it
        invited to an account there, or test the API request with another Google account.
      </p>
      <Accounts user={user} token={token} accounts={accounts} called={null} />
      <Back user={user} />
    </Page>,
  );
}

function answerPage(
  { user, token, isReplaced, report: { columns, rows, answer } }: ReportFacts,
  about: ComponentChildren,
): string {
  return renderPage(
    <Page title="The API answered">
      <h1>The API answered</h1>
      {about}
      {rows.length === 0 ? <p>There is no data for these days.</p> : null}
      <table>
        <thead>
          <tr>
            {columns.map((name) => (
              <th scope="col">{WORDS[name] ?? name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>
              {row.map((value) => (
                <td>{typeof value === 'number' ? value.toLocaleString('en') : value}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <Json name="As the API answered it" value={answer} />
      {isReplaced ? (
        <p class="notice warn" role="status">
          Google refused the first token. The app named it to the broker, which got another one.
        </p>
      ) : null}
      <p class="soft">
        The broker handed out a token for <strong>{user}</strong> that is good for {minutes(token.expires_in)}{' '}
        more. Ask again, and the same token comes from its store; shortly before its end, a fresh one.
      </p>
      <Back user={user} />
    </Page>,
  );
}

function Back({ user }: { readonly user: string }) {
  return (
    <p class="actions">
      <a class="button" href={homeOf(user)}>
        Back
      </a>
    </p>
  );
}

interface AccountsFacts extends Pick<AdsFacts, 'user' | 'token' | 'accounts'> {
  readonly called: string | null;
}

function Accounts({ user, token, accounts, called }: AccountsFacts) {
  if (accounts.customers.length === 0 && accounts.gaps.length === 0) return null;
  const addressOf = (id: string) =>
    `/report?${new URLSearchParams({ user, kind: 'ads', account: token.account.sub, customer: id }).toString()}`;
  return (
    <>
      <h2>All accounts that {nameOf(token)} reaches</h2>
      <AccountTree {...accounts} called={called} addressOf={addressOf} />
    </>
  );
}

function nameOf({ account }: Token): string {
  return account.email ?? account.sub;
}

function minutes(seconds: number): string {
  const count = Math.floor(seconds / 60);
  return count === 1 ? '1 minute' : `${count} minutes`;
}
