import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** The first is RFC 8935's; senders and tools use the others, too. */
export const BODY_TYPES = ['application/secevent+jwt', 'application/jwt', 'text/plain'] as const;

/** Google's are below 2 KiB. */
const MAX_BYTES = 16 * 1024;

/** Parses a body that is one JWT as text. */
export function acceptEventBodies(app: NestFastifyApplication): void {
  for (const type of BODY_TYPES) {
    app.useBodyParser(type, { bodyLimit: MAX_BYTES }, (_request, body, done) => {
      done(null, body.toString('utf8').trim());
    });
  }
}
