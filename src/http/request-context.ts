import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hash } from 'node:crypto';
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

/** @returns a signal that is aborted when the caller goes before it was answered; made only where a call must wait */
export function hangUpOf(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const { raw } = reply;
  const look = () => {
    if (!raw.writableFinished) controller.abort();
  };
  if (raw.destroyed || raw.closed) look();
  else raw.once('close', look);
  return controller.signal;
}

/** What a call's credential is counted and remembered under. @returns undefined where it came without */
export function credentialDigest(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers;
  if (authorization === undefined) return undefined;
  request.credentialDigest ??= hash('sha256', authorization, 'base64url');
  return request.credentialDigest;
}

/** The token of RFC 6750 section 2.1. @returns an empty text where there is none */
export function bearerToken({ headers }: FastifyRequest): string {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
}

/** By its prefix: whether it is one of ours, and in force, services/ decides. */
export function isServiceKey({ headers }: FastifyRequest): boolean {
  return /^Bearer +tbk_/i.test(headers.authorization ?? '');
}
