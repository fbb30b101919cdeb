import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** The first is RFC 8935's; the others are what senders and tools put in its place. */
export const BODY_TYPES = ['application/secevent+jwt', 'application/jwt', 'text/plain'] as const;

/** Google's are below 2 KiB. */
const MAX_BYTES = 16 * 1024;

/** Lets a body that is one JWT come through as text. */
export function acceptEventBodies(app: NestFastifyApplication): void {
  for (const type of BODY_TYPES) {
    app.useBodyParser(type, { bodyLimit: MAX_BYTES }, (_request, body, done) => {
      done(null, body.toString('utf8').trim());
    });
  }
}
