import { Injectable, Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Settings } from '../config/settings.js';
import { logoAddress } from '../domain/access/service-face.js';
import { type ConnectOutcome, returnAddress } from '../domain/connect/connect-outcome.js';
import type { ConnectRequest } from '../domain/connect/connect-request.js';
import { setPageContext } from '../http/page-responses.js';
import { localeOf } from '../pages/locale.js';
import { type AppFace, type PageContext, plainFace } from '../pages/page-context.js';
import { ServiceFacesRepository } from '../token-store/services/service-faces.repository.js';
import { intentLink } from './embedded-browser.js';

/** Makes the context of a page, once from its request, the connect and the service: language, the app's face, the address to return to. */
@Injectable()
export class PageContexts {
  readonly #log = new Logger(PageContexts.name);

  /** The connect of a request, for the page of a refusal. */
  readonly #connects = new WeakMap<FastifyRequest, ConnectRequest>();

  constructor(
    private readonly settings: Settings,
    private readonly faces: ServiceFacesRepository,
  ) {}

  /** Notes the connect of a request, for `prepareRefusal`. */
  setConnect(request: FastifyRequest, connectRequest: ConnectRequest): void {
    this.#connects.set(request, connectRequest);
  }

  /** Gives the page of a refusal the language of its ticket, the app's face, and the address to return to. */
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
      app: await this.#faceOf(connectRequest),
      backUrl: returnTo !== null && outcome ? returnAddress(returnTo, outcome) : returnTo,
      cell: this.settings.cell,
    };
  }

  /** Where a browser inside another app leads on to. */
  browserLinks({ headers }: FastifyRequest, ticket: string) {
    const link = `${this.settings.publicUrl}/connect?ticket=${ticket}`;
    return { link, intentLink: intentLink(headers['user-agent'], link), goOnLink: `${link}&here=1` };
  }

  async #faceOf({ serviceId, serviceName }: ConnectRequest): Promise<AppFace> {
    // A page without its face is better than none.
    const face = await this.faces.find(serviceId).catch((error: unknown) => {
      this.#log.warn({ serviceId, err: error }, 'the face of a service cannot be read');
      return null;
    });
    if (face === null) return plainFace(serviceName);
    const { displayName, colour, privacyUrl, supportUrl } = face;
    return { name: displayName ?? serviceName, logo: logoAddress(face), colour, privacyUrl, supportUrl };
  }
}
