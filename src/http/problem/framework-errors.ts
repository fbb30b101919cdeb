import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AccessLog } from '../logging/access-log.js';
import type { RateLimits } from '../rate-limit/rate-limit.hook.js';
import { problemOf } from './problem.js';
import { sendProblem } from './send-problem.js';

/**
 * Answers what Fastify's router refuses before there is a route: a malformed URL. No hook sees such a request, so
 * everything that hooks do for others is done here.
 */
export function refuseForRouter(limits: RateLimits, access: AccessLog, publicUrl: string) {
  return (error: Error, request: FastifyRequest, reply: FastifyReply): void => {
    const fault = limits.atDoor(request, reply) ?? error;
    const problem = problemOf(fault, request.id);
    const tooMany = limits.refused(request, reply, problem);
    const said = tooMany ? problemOf(tooMany, request.id) : problem;
    sendProblem(request, reply, said, publicUrl);
    const { method, url } = request;
    access.refused({
      requestId: request.id,
      status: said.status,
      ms: 0,
      method,
      url,
      reason: 'malformed_url',
    });
  };
}
