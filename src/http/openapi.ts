import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { PROBLEMS } from './problem/problem-table.js';

type Code = keyof typeof PROBLEMS;

const WITH_RETRY_AFTER = [429, 503];
const RETRY_AFTER = {
  'Retry-After': {
    description: 'Seconds to wait; absent where it is not known',
    schema: { type: 'integer' as const },
  },
};

const problem = (status: number, description: string) =>
  ApiResponse({
    status,
    description,
    ...(WITH_RETRY_AFTER.includes(status) ? { headers: RETRY_AFTER } : {}),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  });

/** Documents the problems of every route that takes a body. */
export const ApiBodyProblems = () =>
  applyDecorators(
    problem(413, '`invalid_request`: the body is too large'),
    problem(415, '`invalid_request`: the content type is not supported'),
  );

/**
 * Documents a route's problems, one entry per status. The document itself, with the schema that these refer to, is made in
 * openapi-document.ts.
 */
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
