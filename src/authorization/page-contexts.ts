import { Injectable, Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import { logoAddress } from '../domain/access/service-branding.js';
import { type ConnectOutcome, returnAddress } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { setPageContext } from '../http/page-responses.js';
import { localeOf } from '../pages/locale.js';
import { type AppBranding, type PageContext, plainBranding } from '../pages/page-context.js';
import { ServiceBrandingRepository } from '../token-store/services/service-branding.repository.js';
import { intentLink } from './embedded-browser.js';

/** Makes the context of a page, once from its request, the connect and the service: language, the app's branding, the address to return to. */
@Injectable()
export class PageContexts {
  readonly #log = new Logger(PageContexts.name);

  /** The connect of a request, for the page of a refusal. */
  readonly #connects = new WeakMap<FastifyRequest, ConnectRequest>();

  constructor(
    private readonly settings: Settings,
    private readonly branding: ServiceBrandingRepository,
  ) {}

  /** Notes the connect of a request, for `prepareRefusal`. */
  setConnect(request: FastifyRequest, connectRequest: ConnectRequest): void {
    this.#connects.set(request, connectRequest);
  }

  /** Gives the page of a refusal the language of its ticket, the app's branding, and the address to return to. */
  async prepareRefusal(request: FastifyRequest): Promise<void> {
    const connectRequest = this.#connects.get(request);
    if (connectRequest) setPageContext(request, await this.of(request, connectRequest));
  }

  /** @param outcome is added to the address to return to */
  async of(
    request: FastifyRequest,
    connectRequest: ConnectRequest,
    outcome: ConnectOutcome | null = null,
  ): Promise<PageContext> {
    const { locale, returnTo } = connectRequest;
    return {
      // A ticket of an older version names none.
      locale: localeOf(locale ?? null, request.headers['accept-language']),
      app: await this.#brandingOf(connectRequest),
      backUrl: returnTo !== null && outcome ? returnAddress(returnTo, outcome) : returnTo,
      cell: this.settings.cell,
    };
  }

  /** Where a browser inside another app leads on to. */
  browserLinks({ headers }: FastifyRequest, ticket: string) {
    const link = `${this.settings.publicUrl}/connect?ticket=${ticket}`;
    return { link, intentLink: intentLink(headers['user-agent'], link), goOnLink: `${link}&here=1` };
  }

  async #brandingOf({ serviceId, serviceName }: ConnectRequest): Promise<AppBranding> {
    // A page without its branding is better than none.
    const branding = await this.branding.find(serviceId).catch((error: unknown) => {
      this.#log.warn({ serviceId, err: error }, 'the branding of a service cannot be read');
      return null;
    });
    if (branding === null) return plainBranding(serviceName);
    const { displayName, colour, privacyUrl, supportUrl } = branding;
    return { name: displayName ?? serviceName, logo: logoAddress(branding), colour, privacyUrl, supportUrl };
  }
}
