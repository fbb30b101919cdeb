import type { Prisma } from './prisma-client/client.js';

/** A value of ours for a JSON column. Prisma wants an index signature, which our interfaces rightly lack. */
export function toJson(value: object): Prisma.InputJsonObject {
  return value;
}
