/**
 * How a page is sent: its headers, and the app whose page it is. Does not own what is on it (pages/), the stylesheet that it loads
 * (stylesheet.controller.ts) nor the headers that every response has (security-headers.ts).
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BrokerError } from '../domain/errors.js';
import { localeOf } from '../pages/locale.js';
import type { AppBranding, PageContext } from '../pages/page-context.js';

/**
 * Drops form-action from the Content-Security-Policy of the connect page. Browsers apply it to every redirect that
 * follows the form (CSP level 3, section 6.4.3): Google, the sign-on server of a user's Workspace, the callback, the
 * app. These cannot be listed. The page holds no script and no markup of others.
 */
export function allowFormToLeave(reply: FastifyReply): void {
  const policy = String(reply.getHeader('content-security-policy'));
  void reply.header('content-security-policy', policy.replace(/;?form-action [^;]*/, ''));
}

/**
 * Lets the forms of a page name its origin (Fetch standard, "append a request Origin header"): without a Referer to it, they send
 * `null`. No other origin gets one, nor the ticket in it.
 */
function allowOwnReferrer(reply: FastifyReply): void {
  void reply.header('referrer-policy', 'same-origin');
}

/**
 * Refuses a form that another site's page sent: it would skip the page that says what the user confirms.
 * Browsers send the origin's relation in Sec-Fetch-Site (Fetch Metadata, W3C), and older ones the origin alone; other clients have no
 * cookies to abuse.
 * @throws {BrokerError} `invalid_request`
 */
export function assertOwnPage({ headers }: FastifyRequest, publicUrl: string): void {
  const { 'sec-fetch-site': site, origin } = headers;
  const isOwn =
    site === undefined
      ? origin === undefined || origin === new URL(publicUrl).origin
      : site === 'same-origin';
  if (isOwn) return;
  throw new BrokerError(
    'invalid_request',
    "This form was not sent from the broker's own page. Open the link and press the button.",
    {
      reason: 'other_site',
    },
  );
}

/** Whose page a refusal of this request is. */
export function setPageContext(request: FastifyRequest, context: PageContext): void {
  request.pageContext = context;
}

export function pageContextOf({ pageContext, headers }: FastifyRequest): PageContext<AppBranding | null> {
  return pageContext ?? { locale: localeOf(null, headers['accept-language']), app: null, backUrl: null };
}

/** Lets the page load the app's logo, where that is on another server: this image and no other. */
export function allowLogo(reply: FastifyReply, { app }: PageContext<AppBranding | null>): void {
  if (!app?.logo?.startsWith('https:')) return;
  const { origin, pathname } = new URL(app.logo);
  // A policy separates its parts by these. A source names no query (CSP level 3, section 2.3.1).
  const source = `${origin}${pathname.replaceAll(';', '%3B').replaceAll(',', '%2C')}`;
  const policy = String(reply.getHeader('content-security-policy'));
  void reply.header(
    'content-security-policy',
    policy.replace(/img-src [^;]*/, (sources) => `${sources} ${source}`),
  );
}

/** Pages hold tickets, accounts, outcomes and figures: no browser or proxy may store one. */
export async function sendPage(reply: FastifyReply, html: string): Promise<void> {
  await reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(html);
}

/** A page with the branding of an app, and a form. */
export async function sendFormPage(
  reply: FastifyReply,
  context: PageContext<AppBranding | null>,
  html: string,
): Promise<void> {
  allowOwnReferrer(reply);
  await sendAppPage(reply, context, html);
}

/** A page with the branding of an app. */
export async function sendAppPage(
  reply: FastifyReply,
  context: PageContext<AppBranding | null>,
  html: string,
): Promise<void> {
  allowLogo(reply, context);
  await sendPage(reply, html);
}

/** A person's browser opens the page (Fetch Metadata, W3C), and no preview of the link or page loaded ahead. */
export function isNavigation({ headers }: FastifyRequest): boolean {
  return headers['sec-fetch-dest'] === 'document' && headers['sec-purpose'] === undefined;
}
