import { homeOf } from './acting-user.js';
import type { Token } from './broker.js';
import { Page, renderPage } from './page.js';
import type { Report } from './query-report.js';

const WORDS: Readonly<Record<string, string>> = {
  day: 'Day',
  views: 'Views',
  estimatedMinutesWatched: 'Minutes watched',
  likes: 'Likes',
  estimatedRevenue: 'Estimated revenue ($)',
};

interface ReportFacts {
  readonly user: string;
  readonly token: Token;
  readonly report: Report;
}

/** The answer of YouTube Analytics. The token that opened it is not shown, only how long it lasts. */
export function reportPage({ user, token, report: { columns, rows } }: ReportFacts): string {
  return renderPage(
    <Page title="The API answered">
      <h1>The API answered</h1>
      <p>
        YouTube Analytics, the last seven days of <strong>{token.account.email ?? token.account.sub}</strong>.
      </p>
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
      <p class="soft">
        The broker handed out a token for <strong>{user}</strong> that is good for {minutes(token.expires_in)}{' '}
        more. Ask again, and the same token comes from its store; shortly before its end, a fresh one.
      </p>
      <p class="actions">
        <a class="button" href={homeOf(user)}>
          Back
        </a>
      </p>
    </Page>,
  );
}

function minutes(seconds: number): string {
  const count = Math.floor(seconds / 60);
  return count === 1 ? '1 minute' : `${count} minutes`;
}
