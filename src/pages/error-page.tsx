import { Page, renderPage } from './page.js';

interface ErrorFacts {
  readonly status: number;
  readonly title: string;
  readonly code: string;
  readonly detail: string;
  readonly request_id: string;
}

/** A problem, for a person. */
export function errorPage({ status, title, code, detail, request_id }: ErrorFacts): string {
  return renderPage(
    <Page title={title} mood="bad">
      <p>{detail}</p>
      <p class="soft">
        Error {status} <code>{code}</code>, request <code>{request_id}</code>
      </p>
    </Page>,
  );
}
