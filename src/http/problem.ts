import { HttpException, Injectable } from '@nestjs/common';
import { BrokerError, type BrokerErrorCode } from '../domain/errors.js';
import { DatabaseHealth } from '../domain/ports/database-health.js';
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
    const { code, detail, carries, status } = isOutage ? DATABASE_OUTAGE : read(fault);
    return {
      type: `urn:token-broker:problem:${code}`,
      status: status ?? PROBLEMS[code].status,
      title: PROBLEMS[code].title,
      code,
      detail,
      request_id: requestId,
      ...carries,
    };
  }
}

interface Reading {
  readonly code: BrokerErrorCode | 'internal_error';
  readonly detail: string;
  readonly carries?: Readonly<Record<string, unknown>>;
  readonly status?: number;
}

const DATABASE_OUTAGE: Reading = {
  code: 'database_unavailable',
  detail: 'The database does not answer the broker. Try again; tell the operator if it stays.',
  carries: { retry_after: RETRY_SECONDS },
};

function read(fault: unknown): Reading {
  if (fault instanceof BrokerError) return fault;
  const status = httpStatus(fault);
  if (status === 404)
    return { code: 'not_found', detail: 'Nothing is served at this address. See /docs for what is.' };
  if (status === 429)
    return { code: 'rate_limited', detail: 'Slow down, and try again after Retry-After seconds.' };
  if (status !== null && status >= 400 && status < 500) {
    return {
      code: 'invalid_request',
      detail: CLIENT_FAULTS[status] ?? 'The request could not be read.',
      status,
    };
  }
  return {
    code: 'internal_error',
    detail:
      'The cause is in the log of the broker, under this request_id. Try again; tell the operator if it stays.',
  };
}

/** What Fastify refuses before a controller sees it. */
const CLIENT_FAULTS: Readonly<Record<number, string>> = {
  400: 'The body is not valid JSON.',
  413: 'The body is too large.',
  415: 'The body is of a type that is not taken here. Send what /docs says, with its content-type.',
};

function httpStatus(fault: unknown): number | null {
  if (fault instanceof HttpException) return fault.getStatus();
  const status = (fault as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : null;
}
