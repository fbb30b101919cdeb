import { applyDecorators } from '@nestjs/common';
import { ApiResponse, DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { PROBLEMS } from './problem/problem-table.js';
import { PROBLEM_SCHEMA } from './problem/problem.openapi.js';
import { EXEMPT_ROUTE } from './rate-limit/route-kind.js';

type Code = keyof typeof PROBLEMS;

const problem = (status: number, description: string) =>
  ApiResponse({
    status,
    description,
    content: { 'application/problem+json': { schema: PROBLEM_SCHEMA } },
  });

/** Documents what every route that takes a body can refuse before it is read. */
export const ApiBodyProblems = () =>
  applyDecorators(
    problem(413, '`invalid_request`: the body is too large'),
    problem(415, '`invalid_request`: the body is of a type that is not taken here'),
  );

/** Documents the problems a route can answer, one entry a status. */
export function ApiProblems(...codes: Code[]) {
  const byStatus = new Map<number, Code[]>();
  // Where a credential is asked for, it may be one that only its issuer's keys can prove.
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

/** Serves /openapi.json, and /docs for people. */
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
  // Made at the first question, which few processes ever get, and then kept.
  let written: string | null = null;
  let made: ReturnType<typeof SwaggerModule.createDocument> | null = null;
  const api = () => (made ??= SwaggerModule.createDocument(app, document));
  SwaggerModule.setup('docs', app, api, { raw: false });
  app
    .getHttpAdapter()
    .getInstance()
    .get('/openapi.json', { config: EXEMPT_ROUTE }, (_request, reply) => {
      written ??= JSON.stringify(api());
      void reply.type('application/json; charset=utf-8').send(written);
    });
}
