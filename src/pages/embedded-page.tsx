import { connectMessagesOf } from './messages/messages.js';
import { Name, Page, renderPage, UNTRANSLATED } from './page.js';
import type { PageContext } from './page-context.js';

interface EmbeddedPageFacts {
  /** The link of the ticket, to be opened elsewhere. */
  readonly link: string;
  /** Opens it in Android's browser, where the app allows that. */
  readonly intentLink: string | null;
  /** The connect page all the same: a browser can be taken for an embedded one. */
  readonly goOnLink: string;
}

/** Shown in a browser inside an app, where Google would refuse to sign in (`disallowed_useragent`). */
export function embeddedPage(
  context: PageContext,
  { link, intentLink, goOnLink }: EmbeddedPageFacts,
): string {
  const { embedded } = connectMessagesOf(context.locale);
  return renderPage(
    <Page context={context} title={embedded.title} mood="warn">
      <p>{embedded.body(<Name>{context.app.name}</Name>)}</p>
      <p>{embedded.menu}</p>
      <p class="copy" dir="ltr" {...UNTRANSLATED}>
        {link}
      </p>
      <div class="actions">
        {intentLink === null ? null : (
          <a class="button" href={intentLink}>
            {embedded.open}
          </a>
        )}
        <a class="button second" href={goOnLink}>
          {embedded.goOn}
        </a>
      </div>
      <p class="soft">{embedded.unused}</p>
    </Page>,
  );
}
