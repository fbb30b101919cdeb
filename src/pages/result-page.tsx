import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import type { Account } from '../domain/grant/grant.js';
import { Page, renderPage } from './page.js';
import { ScopeList } from './scope-list.js';

type Granted = Extract<ConnectOutcome, { kind: 'granted' }>;
type Failed = Extract<ConnectOutcome, { kind: 'failed' }>;

/**
 * The end of a connect whose request names no return_to.
 * @param app the app's name, as the user knows it
 * @param nextStep a link to try again; null where nothing is left to do
 */
export function resultPage(app: string, outcome: ConnectOutcome, nextStep: string | null): string {
  return renderPage(pageOf(app, outcome, nextStep));
}

function pageOf(app: string, outcome: ConnectOutcome, nextStep: string | null) {
  switch (outcome.kind) {
    case 'granted':
      return outcome.missing.length === 0 ? complete(app, outcome) : partial(app, outcome, nextStep);
    case 'held':
      return (
        <Page title="Connected already" mood="good">
          <p>
            {app} may use your Google account as it asked. Nothing had to change. You can close this page.
          </p>
        </Page>
      );
    case 'pending':
      return (
        <Page title="Almost done" mood="plain">
          <p>{app} now checks that it was you who asked. Go back there to finish.</p>
        </Page>
      );
    case 'finishing':
      return (
        <Page title="Almost done" mood="plain">
          <p>
            Google has given its permission. Storing it takes a little longer than usual and goes on by
            itself: you need not start again, and you can close this page. {app} will have access in a moment.
          </p>
        </Page>
      );
    case 'cancelled':
      return (
        <Page title="This link was cancelled" mood="warn">
          <p>{app} does not ask for this any more. Nothing was stored.</p>
        </Page>
      );
    case 'expired':
      return (
        <Page title="This took too long" mood="bad">
          <p>The time to connect your account is over. Nothing was stored. Start again in {app}.</p>
        </Page>
      );
    case 'denied':
      return (
        <Page title="Not connected" mood="warn">
          <p>You did not allow {app} to use your Google account. Nothing was stored.</p>
          <TryAgain link={nextStep} />
        </Page>
      );
    case 'failed':
      return failed(app, outcome, nextStep);
  }
}

/** Another call of the same browser has not brought the outcome yet. */
export function waitingPage(app: string): string {
  return renderPage(
    <Page title="Almost done">
      <p>
        The answer of Google is still being stored. Load this page again in a moment. If it stays like this,
        open the link of {app} once more.
      </p>
    </Page>,
  );
}

function complete(app: string, { account, scopes, insteadOf }: Granted) {
  return (
    <Page title="Connected" mood={insteadOf.length === 0 ? 'good' : 'warn'}>
      <p>
        {app} may now use <strong>{account.email ?? account.sub}</strong>. You can close this page.
      </p>
      <InsteadOf accounts={insteadOf} />
      <h2>You allowed it to</h2>
      <ScopeList scopes={scopes} />
    </Page>
  );
}

function partial(app: string, { account, scopes, missing, insteadOf }: Granted, nextStep: string | null) {
  return (
    <Page title="Connected in part" mood="warn">
      <p>
        {app} may now use <strong>{account.email ?? account.sub}</strong>, but not for everything that it
        asked for.
      </p>
      <InsteadOf accounts={insteadOf} />
      <h2>You allowed it to</h2>
      <ScopeList scopes={scopes} />
      <h2>You did not allow it to</h2>
      <ScopeList scopes={missing} />
      <p>Some of {app} may not work without these.</p>
      <TryAgain link={nextStep} />
    </Page>
  );
}

function failed(app: string, { code, detail }: Failed, nextStep: string | null) {
  return (
    <Page title="That did not work" mood="bad">
      <p>{detail}</p>
      <p class="soft">
        If you ask for help, mention <code>{code}</code>.
      </p>
      <TryAgain link={nextStep} />
    </Page>
  );
}

/** The user meant to connect another account again, perhaps. */
function InsteadOf({ accounts }: { readonly accounts: readonly Account[] }) {
  if (accounts.length === 0) return null;
  const names = accounts.map(({ sub, email }) => email ?? sub).join(', ');
  return (
    <p>
      This is another account than before: <strong>{names}</strong> is still not connected.
    </p>
  );
}

function TryAgain({ link }: { readonly link: string | null }) {
  if (link === null) return null;
  return (
    <p class="actions">
      <a class="button" href={link}>
        Try again
      </a>
    </p>
  );
}
