import { HttpException, Injectable } from '@nestjs/common';
import { BrokerError, type BrokerErrorCode } from '../../domain/errors.js';
import { DatabaseHealth } from '../../token-store/client/database-health.js';
import { CLIENT_FAULTS, PROBLEMS } from './problem-table.js';

/** RFC 9457 problem details, with a stable `code` and extensions. */
export interface Problem {
  readonly type: string;
  readonly status: number;
  readonly title: string;
  readonly code: string;
  readonly detail: string;
  readonly request_id: string;
  readonly [extension: string]: unknown;
}

const RETRY_SECONDS = 2;

@Injectable()
export class Problems {
  constructor(private readonly database: DatabaseHealth) {}

  /** Maps any error to a problem. The text of an unknown error is not shown: it could hold a secret. */
  of(fault: unknown, requestId: string): Problem {
    // A database's error is recognised by its text, which that of a BrokerError may contain.
    const isOutage = !(fault instanceof BrokerError) && this.database.isOutage(fault);
    return isOutage ? toProblem(DATABASE_OUTAGE, requestId) : problemOf(fault, requestId);
  }
}

/** As `Problems.of`, for an error that cannot be the database's. */
export function problemOf(fault: unknown, requestId: string): Problem {
  return toProblem(partsOf(fault), requestId);
}

/** The problem of a request that Node or Fastify refuses before there is a route. */
export function refusedByFramework(status: number, requestId: string): Problem {
  return toProblem(clientFault(status), requestId);
}

function toProblem({ code, detail, extensions, status }: ProblemParts, requestId: string): Problem {
  return {
    type: `urn:token-broker:problem:${code}`,
    status: status ?? PROBLEMS[code].status,
    title: PROBLEMS[code].title,
    code,
    detail,
    request_id: requestId,
    ...extensions,
  };
}

interface ProblemParts {
  readonly code: BrokerErrorCode | 'internal_error';
  readonly detail: string;
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly status?: number;
}

const DATABASE_OUTAGE: ProblemParts = {
  code: 'database_unavailable',
  detail: 'The database does not answer the broker. Try again; inform the operator if it persists.',
  extensions: { retry_after: RETRY_SECONDS },
};

function partsOf(fault: unknown): ProblemParts {
  if (fault instanceof BrokerError) return fault;
  const status = httpStatus(fault);
  // @fastify/static answers 403 for a path outside its folder.
  if (status === 404 || status === 403)
    return { code: 'not_found', detail: 'Nothing is served at this address. See /openapi.json for what is.' };
  if (status === 429)
    return { code: 'rate_limited', detail: 'Slow down, and try again after Retry-After seconds.' };
  if (status !== null && status >= 400 && status < 500) {
    return isBadUrl(fault) ? BAD_URL : clientFault(status);
  }
  return {
    code: 'internal_error',
    detail:
      'The cause is in the log of the broker, under this request_id. Try again; inform the operator if it persists.',
  };
}

function clientFault(status: number): ProblemParts {
  return {
    code: 'invalid_request',
    detail: (CLIENT_FAULTS as Readonly<Record<number, string>>)[status] ?? 'The request could not be read.',
    status,
  };
}

const BAD_URL: ProblemParts = {
  code: 'invalid_request',
  detail: 'path: must be percent-encoded UTF-8 (RFC 3986 section 2.5).',
  extensions: { errors: { path: 'must be percent-encoded UTF-8 (RFC 3986 section 2.5).' } },
};

function isBadUrl(fault: unknown): boolean {
  return (fault as { code?: unknown } | null)?.code === 'FST_ERR_BAD_URL';
}

function httpStatus(fault: unknown): number | null {
  if (fault instanceof HttpException) return fault.getStatus();
  const status = (fault as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : null;
}
