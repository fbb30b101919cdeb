import { hash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

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
