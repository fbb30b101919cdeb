import { Page, renderPage } from './page.js';

export interface Failure {
  readonly status: number;
  readonly title: string;
  readonly text: string;
  /** To find the call in the broker's log. */
  readonly small?: string;
}

export function failurePage({ title, text, small }: Failure): string {
  return renderPage(
    <Page title={title}>
      <h1>{title}</h1>
      <p>{text}</p>
      {small === undefined ? null : <p class="soft">{small}</p>}
      <p>
        <a class="button" href="/">
          Back to the sample app
        </a>
      </p>
    </Page>,
  );
}
