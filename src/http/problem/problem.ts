import { HttpException, Injectable } from '@nestjs/common';
import { BrokerError, type BrokerErrorCode } from '../../domain/errors.js';
import { DatabaseHealth } from '../../token-store/client/database-health.js';
import { PROBLEMS } from './problem-table.js';

/** RFC 9457 problem details, with our stable `code`. */
export interface Problem {
  readonly type: string;
  readonly status: number;
  readonly title: string;
  readonly code: string;
  readonly detail: string;
  readonly request_id: string;
  readonly [extra: string]: unknown;
}

const RETRY_SECONDS = 2;

@Injectable()
export class Problems {
  constructor(private readonly database: DatabaseHealth) {}

  /** Any fault as a problem. What we do not know is opaque: its text could hold a secret. */
  of(fault: unknown, requestId: string): Problem {
    // What is refused knows why; a database's fault is known by its words only, which a refusal may hold as well.
    const isOutage = !(fault instanceof BrokerError) && this.database.isOutage(fault);
    return isOutage ? toProblem(DATABASE_OUTAGE, requestId) : problemOf(fault, requestId);
  }
}

/** As `Problems` has it, of a fault that cannot be the database's. */
export function problemOf(fault: unknown, requestId: string): Problem {
  return toProblem(read(fault), requestId);
}

/** What the framework refuses before there is a route: its status and what to say. */
export function refusedByFramework(status: number, requestId: string): Problem {
  return toProblem(clientFault(status), requestId);
}

function toProblem({ code, detail, extensions, status }: Reading, requestId: string): Problem {
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

interface Reading {
  readonly code: BrokerErrorCode | 'internal_error';
  readonly detail: string;
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly status?: number;
}

const DATABASE_OUTAGE: Reading = {
  code: 'database_unavailable',
  detail: 'The database does not answer the broker. Try again; tell the operator if it stays.',
  extensions: { retry_after: RETRY_SECONDS },
};

function read(fault: unknown): Reading {
  if (fault instanceof BrokerError) return fault;
  const status = httpStatus(fault);
  // The documentation's files say 403 for a path that leaves their folder.
  if (status === 404 || status === 403)
    return { code: 'not_found', detail: 'Nothing is served at this address. See /docs for what is.' };
  if (status === 429)
    return { code: 'rate_limited', detail: 'Slow down, and try again after Retry-After seconds.' };
  if (status !== null && status >= 400 && status < 500) {
    return isBadUrl(fault) ? BAD_URL : clientFault(status);
  }
  return {
    code: 'internal_error',
    detail:
      'The cause is in the log of the broker, under this request_id. Try again; tell the operator if it stays.',
  };
}

function clientFault(status: number): Reading {
  return {
    code: 'invalid_request',
    detail: CLIENT_FAULTS[status] ?? 'The request could not be read.',
    status,
  };
}

const BAD_URL: Reading = {
  code: 'invalid_request',
  detail: 'path: must be percent-encoded UTF-8 (RFC 3986 section 2.5).',
  extensions: { errors: { path: 'must be percent-encoded UTF-8 (RFC 3986 section 2.5).' } },
};

function isBadUrl(fault: unknown): boolean {
  return (fault as { code?: unknown } | null)?.code === 'FST_ERR_BAD_URL';
}

/** What Node and Fastify refuse before a controller sees it. */
const CLIENT_FAULTS: Readonly<Record<number, string>> = {
  400: 'The request could not be read: it is not HTTP/1.1 (RFC 9112), or its body is not what its headers say.',
  408: 'The request did not arrive completely in time.',
  413: 'The body is too large.',
  414: 'The address is too long.',
  417: 'Of Expect only 100-continue is known here.',
  431: 'The headers are too large.',
  415: 'The body is of a type that is not taken here. Send what /docs says, with its content-type.',
};

function httpStatus(fault: unknown): number | null {
  if (fault instanceof HttpException) return fault.getStatus();
  const status = (fault as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : null;
}
