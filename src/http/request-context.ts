import type { FastifyInstance } from 'fastify';
import type { Service } from '../domain/access/policy.js';
import type { AuditNote } from './audit.decorator.js';

/**
 * What becomes known of a call while it is answered. Each has one file that writes and reads it; here is only their
 * place, reserved for all requests alike, which costs next to nothing.
 */
declare module 'fastify' {
  interface FastifyRequest {
    /** http/caller.decorator.ts */
    caller: Service | null;
    callerReadAt: number;
    /** http/credential.ts */
    credentialDigest: string | null;
    /** http/rate-limit/rate-limit.hook.ts: the id of the service that the call was counted for. */
    countedFor: string | null;
    /** http/audit.decorator.ts */
    auditNote: AuditNote | null;
    /** tokens/response-cache.ts: what was true when the call came. */
    answersEpoch: number;
    /** Whether tokens/response-cache.ts gave the answer. */
    isRepeated: boolean;
  }
}

export function decorateRequests(server: FastifyInstance): void {
  server.decorateRequest('caller', null);
  server.decorateRequest('callerReadAt', 0);
  server.decorateRequest('credentialDigest', null);
  server.decorateRequest('countedFor', null);
  server.decorateRequest('auditNote', null);
  server.decorateRequest('answersEpoch', -1);
  server.decorateRequest('isRepeated', false);
}
