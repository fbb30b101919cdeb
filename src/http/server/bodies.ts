import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { BrokerError } from '../../domain/errors.js';

export const MAX_BODY_BYTES = 64 * 1024;

/**
 * Where there is no content, its type says nothing (RFC 9110 section 8.3): many clients send `Content-Type:
 * application/json` with every request, a DELETE too, and no body is no broken JSON.
 */
export function ignoreContentTypeOfEmptyBody(server: FastifyInstance): void {
  server.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    if (headers['content-type'] !== undefined && headers['transfer-encoding'] === undefined) {
      const length = headers['content-length'];
      if (length === undefined || length === '0') delete headers['content-type'];
    }
    done();
  });
}

/** JSON is UTF-8 (RFC 8259 section 8.1): a decoder that puts a placeholder for what is not would make two ids one. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });

export function acceptJson(app: NestFastifyApplication): void {
  const parse = app.getHttpAdapter().getInstance().getDefaultJsonParser('error', 'error');
  app.useBodyParser('application/json', { bodyLimit: MAX_BODY_BYTES }, (request, body, done) => {
    // Sent in chunks, an empty body is known as such only now.
    if (body.length === 0) {
      done(null, undefined);
      return;
    }
    const refuse = () => {
      done(new BrokerError('invalid_request', 'The body is not valid JSON.'), undefined);
    };
    let text: string;
    try {
      text = UTF8.decode(body);
    } catch {
      refuse();
      return;
    }
    void parse(request as FastifyRequest, text, (error, value) => {
      if (error) refuse();
      else done(null, value);
    });
  });
}
