import { formAction } from '../domain/cell.js';
import { type ConnectRequest, requiredEmail } from '../domain/connect/connect-request.js';
import { connectMessagesOf } from './messages/messages.js';
import type { MessagePart } from './messages/connect.en.js';
import { GOOGLE_CONNECTIONS, Name, Page, renderPage } from './page.js';
import type { PageContext } from './page-context.js';
import { ScopeList } from './scope-list.js';

interface ConnectPageFacts {
  readonly connectRequest: Pick<
    ConnectRequest,
    'userId' | 'userLabel' | 'scopes' | 'reasons' | 'accountHint' | 'requireAccount'
  >;
  readonly ticket: string;
  /** How long the link is valid, in minutes; null where it is not known. */
  readonly minutesLeft: number | null;
}

/** Shown before Google's consent screen: who asks, for which user, for what. Nothing happens until the button. */
export function connectPage(context: PageContext, facts: ConnectPageFacts): string {
  const { connectRequest, ticket, minutesLeft } = facts;
  const { userId, userLabel, scopes, reasons } = connectRequest;
  const { locale } = context;
  const { connect } = connectMessagesOf(locale);
  const app = <Name>{context.app.name}</Name>;
  const user = <Name>{userLabel ?? userId}</Name>;
  const account = accountWords(context, connectRequest);
  return renderPage(
    <Page context={context} title={connect.title}>
      <p>{connect.lead(app)}</p>
      <dl class="box">
        <div>
          <dt>{connect.user(context.app.name)}</dt>
          <dd>{user}</dd>
        </div>
        {account === null ? null : (
          <div>
            <dt>{connect.account}</dt>
            <dd>{account}</dd>
          </div>
        )}
      </dl>
      <h2>{connect.asks(app)}</h2>
      <ScopeList locale={locale} scopes={scopes} reasons={{ app: context.app.name, byScope: reasons }} />
      <form method="post" action={formAction(context.cell ?? null, '/connect')}>
        <div class="actions">
          <input type="hidden" name="ticket" value={ticket} />
          <button type="submit">{connect.button}</button>
          <button type="submit" name="cancel" value="yes" class="second">
            {connect.cancel}
          </button>
        </div>
      </form>
      <p class="soft">
        {connect.promise} {connect.next}
      </p>
      <p class="soft">{connect.notYou(user)}</p>
      <p class="soft">
        {connect.takeBack((text) => (
          <a href={GOOGLE_CONNECTIONS}>{text}</a>
        ))}{' '}
        {minutesLeft === null ? null : connect.expires(minutesLeft)}
      </p>
    </Page>,
  );
}

/** The account that the user must choose, or is proposed; null where any is accepted. */
function accountWords(
  { locale }: PageContext,
  { requireAccount, accountHint }: ConnectPageFacts['connectRequest'],
): MessagePart {
  const { connect } = connectMessagesOf(locale);
  const email = requiredEmail({ requireAccount, accountHint });
  if (email !== null) return connect.onlyAccount(<Name>{email}</Name>);
  if (requireAccount?.hd !== undefined) return connect.onlyDomain(<Name>{requireAccount.hd}</Name>);
  if (requireAccount?.sub !== undefined) return connect.onlyThatAccount;
  return accountHint === null ? null : <Name>{accountHint}</Name>;
}
