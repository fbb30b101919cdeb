import { connectMessagesOf, problemMessagesOf } from './messages/messages.js';
import type { ProblemMessage } from './messages/problems.en.js';
import { BackToApp, Page, renderPage, UNTRANSLATED } from './page.js';
import type { AppBranding, PageContext } from './page-context.js';

interface ErrorFacts {
  readonly status: number;
  readonly title: string;
  readonly code: string;
  readonly detail: string;
  readonly request_id: string;
  readonly reason?: unknown;
  /** The app's address with the outcome. */
  readonly return_to?: unknown;
  /** One message per field. */
  readonly errors?: unknown;
}

/** A problem, for a person. The API's text, in English, where it is about what only a developer sends. */
export function errorPage(known: PageContext<AppBranding | null>, problem: ErrorFacts): string {
  const { status, title, code, detail, request_id, return_to } = problem;
  const context = typeof return_to === 'string' ? { ...known, backUrl: return_to } : known;
  const message = messageFor(context, problem);
  return renderPage(
    <Page context={context} title={message?.title ?? title} mood="bad">
      {message ? <p>{message.detail}</p> : <p lang="en">{detail}</p>}
      {context.backUrl === null && (context.app?.supportUrl ?? null) === null ? null : (
        <div class="actions">
          <BackToApp context={context} />
        </div>
      )}
      <p class="soft">
        {connectMessagesOf(context.locale).errorLine(
          status,
          <code {...UNTRANSLATED}>{code}</code>,
          <code {...UNTRANSLATED}>{request_id}</code>,
        )}
      </p>
    </Page>,
  );
}

function messageFor(
  { locale }: PageContext<AppBranding | null>,
  { reason, code, errors }: ErrorFacts,
): ProblemMessage | undefined {
  const { reasons, codes } = problemMessagesOf(locale);
  const byReason: Readonly<Record<string, ProblemMessage>> = reasons;
  if (typeof reason === 'string' && Object.hasOwn(byReason, reason)) return byReason[reason];
  if (Object.keys(errors ?? {}).includes('ticket')) return reasons.ticket_invalid;
  const byCode: Readonly<Record<string, ProblemMessage>> = codes;
  return Object.hasOwn(byCode, code) ? byCode[code] : undefined;
}
