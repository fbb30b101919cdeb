import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../../config/settings.js';
import { BrokerError } from '../../domain/errors.js';
import { rateLimitsOf } from '../rate-limit/rate-limit.hook.js';
import { hasBody } from '../server/connections.js';
import { Problems } from './problem.js';
import { sendProblem } from './send-problem.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Where a browser sees a refusal instead: the address of the request holds a code. */
    refusalsAt?: string;
  }
}

/** Answers every error with a problem: problem+json, a page for a browser, or OAuth's form at the token endpoint. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly log = new Logger('Problem');

  constructor(
    private readonly problems: Problems,
    private readonly settings: Settings,
  ) {}

  catch(fault: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const problem = this.problems.of(isDisconnected(request) ? INCOMPLETE : fault, request.id);
    if (problem.code === 'internal_error') this.log.error(fault);
    const tooMany = rateLimitsOf(request).refused(request, reply, problem);
    const { refusalsAt } = request.routeOptions.config;
    if (refusalsAt !== undefined && !tooMany && typeof problem['reason'] === 'string') {
      request.problemCode = problem.code;
      const query = new URLSearchParams({ refused: problem['reason'], request: request.id });
      void reply.header('cache-control', 'no-store').redirect(`${refusalsAt}?${query.toString()}`, 303);
      return;
    }
    const sent = tooMany ? this.problems.of(tooMany, request.id) : problem;
    sendProblem(request, reply, sent, this.settings.publicUrl, tooMany ?? fault);
  }
}

const INCOMPLETE = new BrokerError(
  'invalid_request',
  'The connection ended before the request was complete.',
);

/**
 * Node's error for it is ECONNRESET, like that of a lost database connection. The stream of a request without a body is
 * destroyed from the start (server/http-server.ts).
 */
function isDisconnected({ raw }: FastifyRequest): boolean {
  return hasBody(raw) && raw.destroyed && !raw.complete;
}
