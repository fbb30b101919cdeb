import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { catchError, type Observable } from 'rxjs';
import { PageContexts } from './page-contexts.js';

/**
 * Refusals of a page that is not part of a connect, such as the user's own page (my-grants/), look like the pages of its app: with
 * its branding, in the language of the ticket. Owns neither their text (pages/) nor refusals within a connect, which are recorded as well
 * (connect-audit.interceptor.ts).
 */
@Injectable()
export class RefusalPageInterceptor implements NestInterceptor {
  constructor(private readonly pages: PageContexts) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    return next.handle().pipe(
      catchError(async (fault: unknown) => {
        // The filter answers, and knows no ticket.
        await this.pages.prepareRefusal(request);
        throw fault;
      }),
    );
  }
}
