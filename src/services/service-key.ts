import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Secret } from '../domain/secret.js';
import { bearerToken } from '../http/request-context.js';
import type { StoredService } from '../token-store/services/services.repository.js';
import { ServiceCache } from './service-cache.js';

/** tbk_ + 12 characters of id + _ + 256 bits of secret. The prefix lets secret scanners find a leaked key. */
const KEY = /^tbk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/;
const ID_ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';

export interface NewKey {
  readonly id: string;
  readonly key: Secret;
  readonly hash: Uint8Array<ArrayBuffer>;
}

export function generateKey(): NewKey {
  const id = generateShortId();
  const secret = randomBytes(32).toString('base64url');
  return { id, key: new Secret(`tbk_${id}_${secret}`), hash: hash(secret) };
}

/** Of 60 bits, as isShortId of domain/cell.ts: of services, tickets and delegated credentials. */
export function generateShortId(): string {
  return Array.from(randomBytes(12), (byte) => ID_ALPHABET[byte % ID_ALPHABET.length]).join('');
}

export interface PresentedKey {
  readonly id: string;
  /** Plain SHA-256: a slow hash adds nothing to 256 random bits. */
  readonly hash: Uint8Array<ArrayBuffer>;
}

export function readKey(text: string): PresentedKey | null {
  const [, id, secret] = KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id, hash: hash(secret) };
}

/** Whether the service was created with this key. */
export function isKeyOf({ credential }: StoredService, key: PresentedKey): boolean {
  return credential.kind === 'key' && sameHash(credential.keyHash, key.hash);
}

/** In constant time. */
export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function hash(secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(secret).digest());
}

/** Recognizes service keys for the rate limits, from the cache and before the body is read. */
@Injectable()
export class KeyLookup {
  constructor(private readonly services: ServiceCache) {}

  /** @returns the id of the service whose key the call has, according to the cache */
  serviceOf(request: FastifyRequest): string | null {
    const key = readKey(bearerToken(request));
    const service = key && this.services.recall(key.id);
    return key && service && !service.revokedAt && isKeyOf(service, key) ? service.id : null;
  }
}
