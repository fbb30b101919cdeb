import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { CLIENT_FAULTS, PROBLEMS } from './problem/problem-table.js';

type Code = keyof typeof PROBLEMS;

const WITH_RETRY_AFTER = [429, 503];
const RETRY_AFTER = {
  'Retry-After': {
    description: 'Seconds to wait; absent where it is not known',
    schema: { type: 'integer' as const },
  },
};

const PROBLEM_TYPE = 'application/problem+json';

const problem = (status: number, description: string, type = PROBLEM_TYPE) =>
  ApiResponse({
    status,
    description,
    ...(WITH_RETRY_AFTER.includes(status) ? { headers: RETRY_AFTER } : {}),
    content: { [type]: { schema: { $ref: '#/components/schemas/Problem' } } },
  });

/** Documents the problems of every route that takes a body. */
export const ApiBodyProblems = (type = PROBLEM_TYPE) =>
  applyDecorators(
    problem(413, `\`invalid_request\`: ${CLIENT_FAULTS[413]}`, type),
    problem(415, `\`invalid_request\`: ${CLIENT_FAULTS[415]}`, type),
  );

/**
 * Documents a route's problems, one entry per status. The document itself, with the schema that these refer to, is made in
 * openapi-document.ts.
 */
export function ApiProblems(...codes: Code[]) {
  return ApiProblemsAs(PROBLEM_TYPE, ...codes);
}

/** Of a route whose refusals have another media type. */
export function ApiProblemsAs(type: string, ...codes: Code[]) {
  const texts = statusTexts(codes, (code) => ({ status: PROBLEMS[code].status, shown: code }));
  return applyDecorators(...[...texts].map(([status, text]) => problem(status, text, type)));
}

/**
 * What each status of a route means, by the titles of its codes.
 * @param as the status that a code is answered with, and its name there
 */
export function statusTexts(
  codes: readonly Code[],
  as: (code: Code) => { readonly status: number; readonly shown: string },
): Map<number, string> {
  const texts = new Map<number, string>();
  // A credential may be a JWT, which its issuer's keys verify.
  const issuer: Code[] = codes.includes('unauthenticated') ? ['issuer_unavailable'] : [];
  for (const code of [...codes, 'database_unavailable', ...issuer, 'internal_error'] as const) {
    const { status, shown } = as(code);
    const text = `\`${shown}\`: ${PROBLEMS[code].title}`;
    const before = texts.get(status);
    texts.set(status, before === undefined ? text : `${before}; ${text}`);
  }
  return texts;
}
