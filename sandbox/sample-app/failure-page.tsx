import { homeOf } from './acting-user.js';
import { Json, Page, renderPage } from './page.js';

export interface Failure {
  readonly status: number;
  readonly title: string;
  readonly text: string;
  /** What it is called in OAuth, and why it happens. */
  readonly explanation?: string;
  /** The answer of the broker, or of Google's API. */
  readonly json?: { readonly name: string; readonly value: unknown };
  /** What to do now. */
  readonly next?: string;
  /** A link of the broker that fixes it. */
  readonly link?: string;
  /** To find the call in the broker's log. */
  readonly small?: string;
}

/** @param user whom the app acted as; null where that is not known */
export function failurePage(failure: Failure, user: string | null): string {
  const { title, text, explanation, json, next, link, small } = failure;
  return renderPage(
    <Page title={title}>
      <h1>{title}</h1>
      <p>{text}</p>
      {explanation === undefined ? null : <p>{explanation}</p>}
      {next === undefined ? null : <p>{next}</p>}
      {json === undefined ? null : <Json {...json} />}
      {small === undefined ? null : <p class="soft">{small}</p>}
      <p>
        {link === undefined ? null : (
          <>
            <a class="button" href={link}>
              Go through the authorization flow
            </a>{' '}
          </>
        )}
        <a class="button" href={user === null ? '/' : homeOf(user)}>
          Back to the sample app
        </a>
      </p>
    </Page>,
  );
}
