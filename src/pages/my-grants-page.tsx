import type { ManageMessages } from './messages/manage.en.js';
import { manageMessagesOf, messagesOf } from './messages/messages.js';
import { BackToApp, GOOGLE_CONNECTIONS, Name, Page, renderPage } from './page.js';
import type { PageContext } from './page-context.js';
import { ScopeList } from './scope-list.js';

/** A grant, for the user who gave it. */
export interface ShownGrant {
  readonly id: string;
  readonly account: string;
  readonly isServiceAccount: boolean;
  readonly status: keyof ManageMessages['status'];
  /** Whether the administrator of a Workspace must act first. */
  readonly isForAdmin: boolean;
  readonly scopes: readonly string[];
  readonly missing: readonly string[];
  readonly since: Date;
  readonly endsAt: Date | null;
  readonly mayReconnect: boolean;
  readonly mayDisconnect: boolean;
}

interface MyGrantsFacts {
  readonly user: string;
  readonly ticketId: string;
  readonly grants: readonly ShownGrant[];
  /** What the last button did; null where none was pressed. */
  readonly done: keyof ManageMessages['done'] | null;
  /** How a reconnect ended, from the query. */
  readonly connect: string | null;
  readonly moreUrl: string | null;
}

/** Before a browser is bound: nothing of the user is shown but the name in the ticket. */
export function entryPage(
  context: PageContext,
  { user, ticket }: { readonly user: string; readonly ticket: string },
): string {
  const { title, entry } = manageMessagesOf(context.locale);
  return renderPage(
    <Page context={context} title={title}>
      <p>{entry.body(<Name>{context.app.name}</Name>)}</p>
      <form method="post" action="/me/grants">
        <div class="actions">
          <input type="hidden" name="ticket" value={ticket} />
          <button type="submit">{entry.button}</button>
          <BackToApp context={context} second />
        </div>
      </form>
      <p class="soft">{entry.notYou(<Name>{user}</Name>)}</p>
    </Page>,
  );
}

/** What an app holds of a user's Google accounts. */
export function myGrantsPage(context: PageContext, facts: MyGrantsFacts): string {
  const { user, ticketId, grants, moreUrl } = facts;
  const messages = manageMessagesOf(context.locale);
  const app = <Name>{context.app.name}</Name>;
  const notice = noticeOf(messages, facts);
  const canEnd = grants.some(({ mayDisconnect }) => mayDisconnect);
  return renderPage(
    <Page context={context} title={messages.title}>
      {notice === null ? null : (
        <p class="box notice" role="status">
          {notice}
        </p>
      )}
      <p>
        {grants.length === 0 && moreUrl === null
          ? messages.none(app)
          : messages.lead(app, <Name>{user}</Name>)}
      </p>
      {grants.map((grant) => (
        <GrantSection context={context} grant={grant} ticketId={ticketId} />
      ))}
      {moreUrl === null ? null : (
        <p>
          <a href={moreUrl}>{messages.more}</a>
        </p>
      )}
      {grants.length > 0 && !canEnd ? <p class="soft">{messages.onlyShown(app)}</p> : null}
      <p class="soft">
        {messages.google((text) => (
          <a href={GOOGLE_CONNECTIONS}>{text}</a>
        ))}
      </p>
      <div class="actions">
        <BackToApp context={context} second={grants.length > 0} />
      </div>
    </Page>,
  );
}

interface GrantSectionProps {
  readonly context: PageContext;
  readonly grant: ShownGrant;
  readonly ticketId: string;
}

function GrantSection({ context: { locale }, grant, ticketId }: GrantSectionProps) {
  const messages = manageMessagesOf(locale);
  const { result } = messagesOf(locale);
  const { id, account, status, scopes, missing, since, endsAt, mayReconnect, mayDisconnect } = grant;
  const disconnectUrl = `/me/grants/disconnect?${new URLSearchParams({ ticket: ticketId, grant: id }).toString()}`;
  return (
    <section class="grant" aria-labelledby={`grant-${id}`}>
      <h2 id={`grant-${id}`}>
        <Name>{account}</Name>
      </h2>
      <p class={`status ${status}`}>{messages.status[status]}</p>
      {explanationsOf(messages, grant).map((text) => (
        <p>{text}</p>
      ))}
      {status === 'dead' ? null : (
        <>
          <h3>{result.allowed}</h3>
          <ScopeList locale={locale} scopes={scopes} />
        </>
      )}
      {missing.length === 0 ? null : (
        <>
          <h3>{result.missing}</h3>
          <ScopeList locale={locale} scopes={missing} isMissing />
        </>
      )}
      <p class="soft">
        {grant.isServiceAccount ? null : messages.since(since)}{' '}
        {endsAt === null ? null : messages.ends(endsAt)}
      </p>
      {mayReconnect || mayDisconnect ? (
        <div class="actions">
          {mayReconnect ? (
            <form method="post" action="/me/grants/reconnect">
              <input type="hidden" name="ticket" value={ticketId} />
              <input type="hidden" name="grant" value={id} />
              <button type="submit" aria-describedby={`grant-${id}`}>
                {status === 'dead' ? messages.reconnect : messages.allowRest}
              </button>
            </form>
          ) : null}
          {mayDisconnect ? (
            <a class="button second" href={disconnectUrl} aria-describedby={`grant-${id}`}>
              {messages.disconnect}
            </a>
          ) : null}
        </div>
      ) : null}
    </section>
  );
}

function explanationsOf(
  { explain }: ManageMessages,
  { status, isServiceAccount, isForAdmin }: ShownGrant,
): string[] {
  if (isServiceAccount) return [explain.serviceAccount];
  if (status === 'active') return [];
  return status === 'dead' && isForAdmin ? [explain.admin] : [explain[status]];
}

/** Anyone can write the query of an address: only fixed texts are shown. */
function noticeOf({ done, connected }: ManageMessages, facts: MyGrantsFacts): string | null {
  if (facts.done !== null) return done[facts.done];
  if (facts.connect === null) return null;
  const { connect } = facts;
  const isKnown = (name: string): name is keyof typeof connected => Object.hasOwn(connected, name);
  return isKnown(connect) ? connected[connect] : null;
}
