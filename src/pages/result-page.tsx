import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import { type ConnectRequest, requiredEmail } from '../domain/connect/connect-request.js';
import type { FailurePage } from '../domain/google/failure-pages.js';
import type { Account } from '../domain/grant/grant.js';
import { foldEmail } from '../domain/text.js';
import type { Locale } from './locale.js';
import { connectMessagesOf, problemMessagesOf } from './messages/messages.js';
import { BackToApp, Name, Page, renderPage, UNTRANSLATED } from './page.js';
import type { PageContext } from './page-context.js';
import { ScopeList } from './scope-list.js';

type Granted = Extract<ConnectOutcome, { kind: 'granted' }>;
type Failed = Extract<ConnectOutcome, { kind: 'failed' }>;

interface ResultFacts {
  readonly outcome: ConnectOutcome;
  /** A link to try again; null where nothing is left to do. */
  readonly nextStep: string | null;
  readonly connectRequest: Pick<ConnectRequest, 'accountHint' | 'requireAccount' | 'reasons'>;
}

/** The end of a connect, in the browser. */
export function resultPage(context: PageContext, facts: ResultFacts): string {
  return renderPage(pageOf(context, facts));
}

function pageOf(context: PageContext, facts: ResultFacts) {
  const { outcome } = facts;
  const { result } = connectMessagesOf(context.locale);
  const app = <Name>{context.app.name}</Name>;
  switch (outcome.kind) {
    case 'granted':
      return outcome.missing.length === 0 ? complete(context, outcome) : partial(context, outcome, facts);
    case 'held':
      return (
        <Page context={context} title={result.held} mood="good">
          <p>{result.heldBody(app)}</p>
          <NextSteps context={context} isDone />
        </Page>
      );
    case 'pending':
      return (
        <Page context={context} title={result.pending}>
          <p>{result.pendingBody(app)}</p>
          <NextSteps context={context} />
        </Page>
      );
    case 'finishing':
      return (
        <Page context={context} title={result.finishing}>
          <p>{result.finishingBody(app)}</p>
          <NextSteps context={context} />
        </Page>
      );
    case 'cancelled':
      return (
        <Page context={context} title={result.cancelled} mood="warn">
          <p>{result.cancelledBody(app)}</p>
          <NextSteps context={context} />
        </Page>
      );
    case 'expired':
      return (
        <Page context={context} title={result.expired} mood="bad">
          <p>{result.expiredBody(app)}</p>
          <NextSteps context={context} />
        </Page>
      );
    case 'denied':
      return (
        <Page context={context} title={result.denied} mood="warn">
          <p>{result.deniedBody(app)}</p>
          <NextSteps context={context} again={facts.nextStep} />
        </Page>
      );
    case 'failed':
      return outcome.code === 'wrong_account'
        ? wrongAccount(context, facts, outcome)
        : failed(context, facts, outcome);
  }
}

/** Another call of the same browser has not brought the outcome yet. */
export function waitingPage(context: PageContext): string {
  const { result } = connectMessagesOf(context.locale);
  return renderPage(
    <Page context={context} title={result.waiting}>
      <p>{result.waitingBody(<Name>{context.app.name}</Name>)}</p>
      <NextSteps context={context} />
    </Page>,
  );
}

/** No call brings an outcome at present. @param again a link to start again; null where it has expired */
export function unfinishedPage(context: PageContext, again: string | null): string {
  const { result, startAgain } = connectMessagesOf(context.locale);
  return renderPage(
    <Page context={context} title={result.unfinished} mood="warn">
      <p>{result.unfinishedBody(<Name>{context.app.name}</Name>)}</p>
      <NextSteps context={context} again={again} label={startAgain} />
    </Page>,
  );
}

function complete(context: PageContext, { account, scopes, insteadOf }: Granted) {
  const { result } = connectMessagesOf(context.locale);
  return (
    <Page context={context} title={result.complete} mood={insteadOf.length === 0 ? 'good' : 'warn'}>
      <p>{result.mayUse(<Name>{context.app.name}</Name>, <Name>{account.email ?? account.sub}</Name>)}</p>
      <InsteadOf context={context} accounts={insteadOf} />
      <h2>{result.allowed}</h2>
      <ScopeList locale={context.locale} scopes={scopes} />
      <NextSteps context={context} isDone />
    </Page>
  );
}

function partial(
  context: PageContext,
  { account, scopes, missing, insteadOf }: Granted,
  { nextStep, connectRequest }: ResultFacts,
) {
  const { result } = connectMessagesOf(context.locale);
  const app = <Name>{context.app.name}</Name>;
  return (
    <Page context={context} title={result.partial} mood="warn">
      <p>{result.mayUsePartly(app, <Name>{account.email ?? account.sub}</Name>)}</p>
      <InsteadOf context={context} accounts={insteadOf} />
      <h2>{result.missing}</h2>
      <ScopeList
        locale={context.locale}
        scopes={missing}
        isMissing
        reasons={{ app: context.app.name, byScope: connectRequest.reasons }}
      />
      <p>{result.consequence(app, missing.length)}</p>
      <NextSteps context={context} again={nextStep} />
      <h2>{result.allowed}</h2>
      <ScopeList locale={context.locale} scopes={scopes} />
    </Page>
  );
}

function wrongAccount(context: PageContext, { nextStep, connectRequest }: ResultFacts, { account }: Failed) {
  const { result, startAgain } = connectMessagesOf(context.locale);
  const { hd } = connectRequest.requireAccount ?? {};
  const email = requiredEmail(connectRequest);
  // An address can move to another account, whose `sub` is not the one that is required.
  const isOther = email !== null && foldEmail(email) !== foldEmail(account?.email ?? '');
  const wanted = isOther ? (
    <Name>{email}</Name>
  ) : hd !== undefined ? (
    result.anAccountOf(<Name>{hd}</Name>)
  ) : (
    result.thatAccount
  );
  return (
    <Page context={context} title={result.wrongAccount} mood="warn">
      <p>
        {result.wrongAccountBody(
          <Name>{context.app.name}</Name>,
          <Name>{account?.email ?? account?.sub ?? '?'}</Name>,
          wanted,
        )}
      </p>
      <NextSteps context={context} again={nextStep} label={startAgain} />
    </Page>
  );
}

function failed(context: PageContext, { nextStep }: ResultFacts, outcome: Failed) {
  const { mention } = connectMessagesOf(context.locale);
  return (
    <Page context={context} title={problemMessagesOf(context.locale).failed.title} mood="bad">
      <p>{failureText(outcome, context.locale)}</p>
      <NextSteps context={context} again={nextStep} />
      <p class="soft">{mention(<code {...UNTRANSLATED}>{outcome.google?.error ?? outcome.code}</code>)}</p>
    </Page>
  );
}

/** The user meant to connect another account again, perhaps. */
function InsteadOf({ context, accounts }: { context: PageContext; accounts: readonly Account[] }) {
  if (accounts.length === 0) return null;
  const names = accounts.map(({ sub, email }, index) => [
    index === 0 ? null : ', ',
    <Name>{email ?? sub}</Name>,
  ]);
  return <p>{connectMessagesOf(context.locale).result.otherAccount(names)}</p>;
}

interface NextStepsProps {
  readonly context: PageContext;
  readonly again?: string | null;
  readonly label?: string;
  /** Nothing is left to do: the page needs no button for help, whose link stands below. */
  readonly isDone?: boolean;
}

/** Another try first, where there is one; then the link back to the app. */
function NextSteps({ context, again = null, label, isDone = false }: NextStepsProps) {
  const mayHelp = context.app.supportUrl !== null && !isDone;
  if (again === null && context.backUrl === null && !mayHelp) return null;
  return (
    <div class="actions">
      {again === null ? null : (
        <a class="button" href={again}>
          {label ?? connectMessagesOf(context.locale).tryAgain}
        </a>
      )}
      <BackToApp context={context} second={again !== null} />
    </div>
  );
}

/** Why a connect failed: by the row of Google's failure, or by the code of the broker's own refusal. */
function failureText({ code, page }: Failed, locale: Locale): string {
  const { failed, failures, codes } = problemMessagesOf(locale);
  if (code === 'not_allowed') return failed.notAllowed;
  if (code === 'slots_full') return codes.slots_full.detail;
  const key = page ?? code;
  return isFailurePage(key, failures) ? failures[key] : failures.google_refused;
}

/** An outcome may have been stored by another version of the broker, whose pages were others. */
function isFailurePage(page: string, failures: Readonly<Record<FailurePage, string>>): page is FailurePage {
  return Object.hasOwn(failures, page);
}
