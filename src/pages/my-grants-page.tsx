import { formAction } from '../domain/cell.js';
import type { MyGrantsMessages } from './messages/my-grants.en.js';
import { connectMessagesOf, myGrantsMessagesOf } from './messages/messages.js';
import { BackToApp, GOOGLE_CONNECTIONS, Name, Page, renderPage } from './page.js';
import type { PageContext } from './page-context.js';
import { ScopeList } from './scope-list.js';

/** A grant, for the user who gave it. */
export interface ShownGrant {
  readonly id: string;
  readonly account: string;
  readonly isServiceAccount: boolean;
  readonly status: keyof MyGrantsMessages['status'];
  /** Whether the administrator of a Workspace must act first. */
  readonly isForAdmin: boolean;
  readonly scopes: readonly string[];
  readonly missing: readonly string[];
  /** Null: not known of an imported one. */
  readonly since: Date | null;
  readonly endsAt: Date | null;
  readonly mayReconnect: boolean;
  readonly mayDisconnect: boolean;
}

interface MyGrantsFacts {
  readonly user: string;
  readonly ticketId: string;
  readonly grants: readonly ShownGrant[];
  /** What the last button did; null where none was pressed. */
  readonly done: keyof MyGrantsMessages['done'] | null;
  /** How a reconnect ended, from the query. */
  readonly connect: string | null;
  readonly moreUrl: string | null;
}

/** Before a browser is bound: nothing of the user is shown but the name in the ticket. */
export function entryPage(
  context: PageContext,
  { user, ticket }: { readonly user: string; readonly ticket: string },
): string {
  const { title, entry } = myGrantsMessagesOf(context.locale);
  return renderPage(
    <Page context={context} title={title}>
      <p>{entry.body(<Name>{context.app.name}</Name>)}</p>
      <form method="post" action={formAction(context.cell ?? null, '/me/grants')}>
        <div class="actions">
          <input type="hidden" name="ticket" value={ticket} />
          <button type="submit">{entry.button}</button>
          {context.backUrl === null ? null : <BackToApp context={context} second />}
        </div>
      </form>
      <p class="soft">{entry.notYou(<Name>{user}</Name>)}</p>
    </Page>,
  );
}

/** What an app holds of a user's Google accounts. */
export function myGrantsPage(context: PageContext, facts: MyGrantsFacts): string {
  const { user, ticketId, grants, moreUrl } = facts;
  const messages = myGrantsMessagesOf(context.locale);
  const app = <Name>{context.app.name}</Name>;
  const notice = noticeOf(messages, facts);
  const canEnd = grants.some(({ mayDisconnect }) => mayDisconnect);
  // What is being disconnected has no button, and needs none.
  const isToAsk = !canEnd && grants.some(({ status }) => status !== 'revoking');
  return renderPage(
    <Page context={context} title={messages.title}>
      {notice === null ? null : <NoticeBox notice={notice} />}
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
      {isToAsk ? <p class="soft">{messages.onlyShown(app)}</p> : null}
      <p class="soft end">
        {messages.google((text) => (
          <a href={GOOGLE_CONNECTIONS}>{text}</a>
        ))}
      </p>
      {context.backUrl === null ? null : (
        <div class="actions">
          <BackToApp context={context} second={grants.length > 0} />
        </div>
      )}
    </Page>,
  );
}

/** How a reconnect ended, where the page can show no more. @returns null for an outcome without a text */
export function reconnectedPage(context: PageContext, connect: string): string | null {
  const messages = myGrantsMessagesOf(context.locale);
  const notice = noticeOf(messages, { done: null, connect });
  if (notice === null) return null;
  return renderPage(
    <Page context={context} title={messages.title}>
      <NoticeBox notice={notice} />
      {context.backUrl === null ? null : (
        <div class="actions">
          <BackToApp context={context} />
        </div>
      )}
    </Page>,
  );
}

interface GrantSectionProps {
  readonly context: PageContext;
  readonly grant: ShownGrant;
  readonly ticketId: string;
}

function GrantSection({ context: { locale, app, cell = null }, grant, ticketId }: GrantSectionProps) {
  const messages = myGrantsMessagesOf(locale);
  const { connect, result } = connectMessagesOf(locale);
  const { id, account, status, scopes, missing, since, endsAt, mayReconnect, mayDisconnect } = grant;
  const days = [since && messages.since(since), endsAt && messages.ends(endsAt)].filter(
    (text) => text !== null,
  );
  const disconnectUrl = `/me/grants/disconnect?${new URLSearchParams({ ticket: ticketId, grant: id }).toString()}`;
  return (
    <section class="grant" aria-labelledby={`grant-${id}`}>
      <div class="head">
        <h2 id={`grant-${id}`}>
          <Name>{account}</Name>
        </h2>
        <span class={`status ${status}`}>{messages.status[status]}</span>
      </div>
      {explanationsOf(messages, grant).map((text) => (
        <p>{text}</p>
      ))}
      {status === 'dead' ? null : (
        <>
          <h3>{grant.isServiceAccount ? connect.asks(<Name>{app.name}</Name>) : result.allowed}</h3>
          <ScopeList locale={locale} scopes={scopes} isBrief />
        </>
      )}
      {missing.length === 0 ? null : (
        <>
          <h3>{result.missing}</h3>
          <ScopeList locale={locale} scopes={missing} isMissing isBrief />
        </>
      )}
      {grant.isServiceAccount || days.length === 0 ? null : <p class="soft">{days.join(' ')}</p>}
      {mayReconnect || mayDisconnect ? (
        <div class="actions">
          {mayReconnect ? (
            <form method="post" action={formAction(cell, '/me/grants/reconnect')}>
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
  { explain }: MyGrantsMessages,
  { status, isServiceAccount, isForAdmin }: ShownGrant,
): string[] {
  if (isServiceAccount) return [explain.serviceAccount];
  if (status === 'active' || status === 'partial') return [];
  return status === 'dead' && isForAdmin ? [explain.admin] : [explain[status]];
}

interface Notice {
  readonly mood: 'good' | 'warn';
  readonly text: string;
}

function NoticeBox({ notice: { mood, text } }: { readonly notice: Notice }) {
  return (
    <p class={`box notice ${mood}`} role="status">
      {text}
    </p>
  );
}

const GOOD: ReadonlySet<string> = new Set(['revoked', 'deleted', 'success']);

/** Anyone can write the query of an address: only fixed texts are shown. */
function noticeOf(
  messages: MyGrantsMessages,
  { done, connect }: Pick<MyGrantsFacts, 'done' | 'connect'>,
): Notice | null {
  const key = done ?? connect;
  if (key === null) return null;
  const texts: Readonly<Record<string, string>> = done === null ? messages.connected : messages.done;
  const text = Object.hasOwn(texts, key) ? texts[key] : undefined;
  return text === undefined ? null : { mood: GOOD.has(key) ? 'good' : 'warn', text };
}
