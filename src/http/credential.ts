import { hash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

const digests = new WeakMap<FastifyRequest, string>();

/** What a call's credential is counted and remembered under. @returns undefined where it came without */
export function credentialDigest(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers;
  if (authorization === undefined) return undefined;
  const known = digests.get(request);
  if (known !== undefined) return known;
  const digest = hash('sha256', authorization, 'base64url');
  digests.set(request, digest);
  return digest;
}

/** By its prefix: whether it is one of ours, and in force, services/ decides. */
export function isServiceKey({ headers }: FastifyRequest): boolean {
  return headers.authorization?.startsWith('Bearer tbk_') ?? false;
}
