import { Page, renderPage } from './page.js';
import { ScopeList } from './scope-list.js';

interface ResultFacts {
  readonly kind: 'granted' | 'denied' | 'failed';
  readonly request: { readonly serviceName: string };
}

interface GrantedFacts extends ResultFacts {
  readonly kind: 'granted';
  readonly grant: {
    readonly account: { readonly email: string | null; readonly sub: string };
    readonly grantedScopes: readonly string[];
  };
  readonly missing: readonly string[];
}

interface DeniedFacts extends ResultFacts {
  readonly kind: 'denied';
}

interface FailedFacts extends ResultFacts {
  readonly kind: 'failed';
  readonly code: string;
  readonly detail: string;
}

/** Where a user ends up when the app named no address to go back to. */
export function resultPage(facts: GrantedFacts | DeniedFacts | FailedFacts, wayOn: string | null): string {
  if (facts.kind === 'granted') return granted(facts, wayOn);
  const { serviceName } = facts.request;
  if (facts.kind === 'denied') {
    return renderPage(
      <Page title="Not connected" mood="warn">
        <p>You did not allow {serviceName} to use your Google account. Nothing was stored.</p>
        <TryAgain link={wayOn} />
      </Page>,
    );
  }
  return renderPage(
    <Page title="That did not work" mood="bad">
      <p>{facts.detail}</p>
      <p class="soft">
        For {serviceName}: <code>{facts.code}</code>
      </p>
      <TryAgain link={wayOn} />
    </Page>,
  );
}

function granted({ request, grant, missing }: GrantedFacts, wayOn: string | null): string {
  const account = grant.account.email ?? grant.account.sub;
  const whole = missing.length === 0;
  return renderPage(
    <Page title={whole ? 'Connected' : 'Connected in part'} mood={whole ? 'good' : 'warn'}>
      <p>
        {request.serviceName} may now use <strong>{account}</strong>.{' '}
        {whole ? 'You can close this page.' : null}
      </p>
      <h2>You allowed it to</h2>
      <ScopeList scopes={grant.grantedScopes} />
      {whole ? null : (
        <>
          <h2>You did not allow it to</h2>
          <ScopeList scopes={missing} />
          <p>Some of {request.serviceName} may not work without these.</p>
          <TryAgain link={wayOn} />
        </>
      )}
    </Page>,
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
