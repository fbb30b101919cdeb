import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorPage } from '../pages/error-page.js';
import { Problems, type Problem } from './problem.js';

/** Says every fault in one form: problem+json, or a plain page for a browser. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly log = new Logger('Problem');

  constructor(private readonly problems: Problems) {}

  catch(fault: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const problem = this.problems.of(fault, request.id);
    if (problem.code === 'internal_error') this.log.error(fault);
    sendProblem(request, http.getResponse<FastifyReply>(), problem);
  }
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): void {
  void reply.status(problem.status).header('cache-control', 'no-store');
  if (problem.code === 'unauthenticated')
    void reply.header('www-authenticate', 'Bearer realm="token-broker"');
  if (typeof problem['retry_after'] === 'number') void reply.header('retry-after', problem['retry_after']);
  if (wantsPage(request)) void reply.type('text/html; charset=utf-8').send(errorPage(problem));
  else void reply.type('application/problem+json').send(JSON.stringify(problem));
}

function wantsPage(request: FastifyRequest): boolean {
  return request.headers.accept?.includes('text/html') ?? false;
}
