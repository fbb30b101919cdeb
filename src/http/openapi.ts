import { applyDecorators } from '@nestjs/common';
import { ApiResponse, DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { PROBLEMS } from './problem/problem-table.js';
import { EXEMPT_ROUTE } from './rate-limit/route-limits.js';

type Code = keyof typeof PROBLEMS;

const problem = (status: number, description: string) =>
  ApiResponse({
    status,
    description,
    content: { 'application/problem+json': { schema: PROBLEM_SCHEMA } },
  });

/** Documents the problems of every route that takes a body. */
export const ApiBodyProblems = () =>
  applyDecorators(
    problem(413, '`invalid_request`: the body is too large'),
    problem(415, '`invalid_request`: the content type is not supported'),
  );

/** Documents a route's problems, one entry per status. */
export function ApiProblems(...codes: Code[]) {
  const byStatus = new Map<number, Code[]>();
  // A credential may be a JWT, which its issuer's keys verify.
  const all: Code[] = [...codes, 'database_unavailable'];
  if (codes.includes('unauthenticated')) all.push('issuer_unavailable');
  for (const code of all) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return applyDecorators(
    ...[...byStatus].map(([status, same]) =>
      problem(status, same.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('; ')),
    ),
    problem(500, `\`internal_error\`: ${PROBLEMS.internal_error.title}`),
  );
}

/** Serves /openapi.json, and /docs with Swagger UI. */
export function serveOpenApi(app: NestFastifyApplication): void {
  const document = new DocumentBuilder()
    .setTitle('Token broker')
    .setDescription("Keeps users' Google OAuth 2.0 grants and hands services fresh access tokens.")
    .setVersion('1')
    .addBearerAuth({
      type: 'http',
      scheme: 'bearer',
      description: "A service key (tbk_...), or a workload's JWT",
    })
    .build();
  // Created at the first request, which few processes ever get.
  let json: string | null = null;
  let cached: ReturnType<typeof SwaggerModule.createDocument> | null = null;
  const api = () => (cached ??= SwaggerModule.createDocument(app, document));
  SwaggerModule.setup('docs', app, api, { raw: false });
  app
    .getHttpAdapter()
    .getInstance()
    .get('/openapi.json', { config: EXEMPT_ROUTE }, (_request, reply) => {
      json ??= JSON.stringify(api());
      void reply.type('application/json; charset=utf-8').send(json);
    });
}

const text = (description: string) => ({ type: 'string', description });
const texts = (description: string) => ({ type: 'array', items: { type: 'string' }, description });

/** RFC 9457 problem details: members of every problem, and the extensions of some. */
const PROBLEM_SCHEMA = {
  type: 'object',
  required: ['type', 'status', 'title', 'code', 'detail', 'request_id'],
  additionalProperties: false,
  properties: {
    type: text('A URN with the code'),
    status: { type: 'integer' },
    title: text('What happened, in general'),
    code: text('Stable: write your code against this'),
    detail: text('What happened, and what to do next'),
    request_id: text("Names this request in the broker's log and audit trail"),
    errors: {
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'invalid_request: what is wrong with each field',
    },
    reason: text('invalid_request: why a link, a state or a form is refused; no_ads_access: why not'),
    missing_scopes: texts('insufficient_scope: what the user did not allow'),
    connect_url: text('A link that takes the user to consent; works once, for 30 minutes'),
    accounts: {
      type: 'array',
      description: 'ambiguous_account, not_connected: which accounts there are; 100 at most',
      items: {
        type: 'object',
        additionalProperties: false,
        properties: { sub: { type: 'string' }, email: { type: 'string', nullable: true } },
      },
    },
    cause: text('reconnect_required, client_misconfigured: why; see docs/grants.md'),
    confidence: { type: 'string', enum: ['certain', 'inferred'] },
    who_must_act: { type: 'string', enum: ['user', 'workspace_admin', 'operator'] },
    slots: {
      type: 'object',
      additionalProperties: false,
      properties: { limit: { type: 'integer' }, used: { type: 'integer' }, free: { type: 'integer' } },
      description: 'slots_full: how the account stands with this client',
    },
    google_error: text("client_misconfigured: Google's own code"),
    google_error_description: text("client_misconfigured: Google's own words"),
    err: {
      type: 'string',
      enum: ['invalid_request', 'invalid_key', 'invalid_issuer', 'invalid_audience'],
      description: 'A refused security event: the code of RFC 8935',
    },
    description: text('A refused security event: the same as detail, under the name of RFC 8935'),
    customer_id: text('no_ads_access: the Google Ads account'),
    best_role: { type: 'string', nullable: true, description: 'no_ads_access: the highest role found' },
    min_role: { type: 'string', nullable: true, description: 'no_ads_access: the role that was requested' },
    synced_at: { type: 'string', format: 'date-time', description: 'no_ads_access: as of when' },
    retry_after: { type: 'integer', description: 'Seconds, as in Retry-After' },
  },
};
