import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { BrokerError } from '../../domain/errors.js';
import { digestOfForm, readForm } from '../validation/form.js';

export const MAX_BODY_BYTES = 64 * 1024;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The longest body of the route in bytes, where it is not MAX_BODY_BYTES. */
    maxBodyBytes?: number;
  }
}

/**
 * Without content, Content-Type has no meaning (RFC 9110 section 8.3): many clients send `Content-Type:
 * application/json` with every request, a DELETE too, and an empty body is not malformed JSON.
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

/** Applies `maxBodyBytes` of a route's configuration. Call it before routes are registered. */
export function allowLongerBodies(server: FastifyInstance): void {
  server.addHook('onRoute', (route) => {
    const maxBytes = route.config?.maxBodyBytes;
    if (maxBytes !== undefined) route.bodyLimit = maxBytes;
  });
}

/** JSON is UTF-8 (RFC 8259 section 8.1). A decoder that replaces malformed bytes would make two ids one. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });

export function acceptJson(adapter: FastifyAdapter): void {
  const parse = adapter.getInstance<FastifyInstance>().getDefaultJsonParser('error', 'error');
  adapter.useBodyParser('application/json', false, { bodyLimit: MAX_BODY_BYTES }, (request, body, done) => {
    // In chunks: Content-Length did not say that the body is empty.
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
    void parse(request, text, (error, value) => {
      if (error) refuse();
      else done(null, value);
    });
  });
}

/** Instead of Nest's parser, which reads malformed bytes as others. */
export function acceptForms(adapter: FastifyAdapter): void {
  const type = 'application/x-www-form-urlencoded';
  adapter.useBodyParser(type, false, { bodyLimit: MAX_BODY_BYTES }, (request, body, done) => {
    try {
      const form = readForm(body);
      request.formDigest = digestOfForm(body, request.raw.headers);
      done(null, form);
    } catch (error) {
      done(error as Error, undefined);
    }
  });
}

/** Content types whose body the handler gets as trimmed text. */
export interface TextBodies {
  readonly types: readonly string[];
  readonly maxBytes: number;
}

export function acceptText(adapter: FastifyAdapter, { types, maxBytes }: TextBodies): void {
  for (const type of types) {
    adapter.useBodyParser(type, false, { bodyLimit: maxBytes }, (_request, body, done) => {
      done(null, body.toString('utf8').trim());
    });
  }
}
