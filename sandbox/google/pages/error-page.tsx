import { renderPage } from './page.js';

interface Fault {
  status: number;
  error: string;
  text: string;
  /** What the app sent: Google shows it to developers as "Request details". */
  details: [name: string, value: string][];
}

export const errorPage = ({ status, error, text, details }: Fault): string =>
  renderPage(
    `Error ${status}: ${error}`,
    <>
      <h1>Access blocked: authorization error</h1>
      <p>{text}</p>
      <p>
        If you are the developer of this app, see the error details and Google's guide on how to resolve it.
      </p>
      <p>
        <strong>
          Error {status}: {error}
        </strong>
      </p>
      {details.length > 0 && (
        <details open>
          <summary>Request details</summary>
          {details.map(([name, value]) => (
            <div key={name}>
              <code>
                {name}={value}
              </code>
            </div>
          ))}
        </details>
      )}
    </>,
  );
