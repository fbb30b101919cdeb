import { formAction } from '../domain/cell.js';
import { myGrantsMessagesOf } from './messages/messages.js';
import type { ShownGrant } from './my-grants-page.js';
import { GOOGLE_CONNECTIONS, Name, Page, renderPage } from './page.js';
import type { PageContext } from './page-context.js';
import { ScopeList } from './scope-list.js';

interface DisconnectFacts {
  readonly ticketId: string;
  readonly grant: ShownGrant;
  /** `revoke`: at Google too, with `others`. */
  readonly mode: 'local' | 'revoke';
  /** How many other grants Google ends with it. */
  readonly others: number;
  /** Those of them that belong to the same user. */
  readonly own: readonly { readonly scopes: readonly string[] }[];
  readonly keepUrl: string;
}

/** What a disconnect would do, before it is done. */
export function disconnectPage(context: PageContext, facts: DisconnectFacts): string {
  const { ticketId, grant, mode, others, own, keepUrl } = facts;
  const { locale } = context;
  const { confirm, disconnect, google } = myGrantsMessagesOf(locale);
  const app = <Name>{context.app.name}</Name>;
  const account = <Name>{grant.account}</Name>;
  const isDead = grant.status === 'dead';
  return renderPage(
    <Page context={context} title={confirm.title} mood="warn">
      <p>{isDead ? confirm.dead(account) : confirm[mode](app, account)}</p>
      {others === 0 ? null : <p>{confirm.others(account, others)}</p>}
      {own.length === 0 ? null : (
        <>
          <h2>{confirm.own}</h2>
          <ScopeList
            locale={locale}
            scopes={[...new Set(own.flatMap(({ scopes }) => scopes))]}
            isMissing
            isBrief
          />
        </>
      )}
      {isDead ? null : (
        <>
          <h2>{confirm.loses}</h2>
          <ScopeList locale={locale} scopes={grant.scopes} isMissing isBrief />
        </>
      )}
      <form method="post" action={formAction(context.cell ?? null, '/me/grants/disconnect')}>
        <div class="actions">
          <input type="hidden" name="ticket" value={ticketId} />
          <input type="hidden" name="grant" value={grant.id} />
          <input type="hidden" name="mode" value={mode} />
          <button type="submit" class="danger">
            {disconnect}
          </button>
          <a class="button second" href={keepUrl}>
            {confirm.keep}
          </a>
        </div>
      </form>
      {mode === 'local' && !isDead ? (
        <p class="soft">
          {google((text) => (
            <a href={GOOGLE_CONNECTIONS}>{text}</a>
          ))}
        </p>
      ) : null}
    </Page>,
  );
}
