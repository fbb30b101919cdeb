import { Prisma } from '../prisma-client/client.js';

/** Why the database could not serve; the message says what to do and shows nothing of its URL. */
export interface DatabaseFault {
  readonly code: 'database_unavailable' | 'database_not_migrated' | 'database_ahead';
  readonly message: string;
}

export const NOT_MIGRATED: DatabaseFault = {
  code: 'database_not_migrated',
  message: 'The database lacks a table or column of this version. Run `token-broker migrate` first.',
};

export const READ_ONLY: DatabaseFault = {
  code: 'database_unavailable',
  message:
    'The database can only be read: it is a standby, or default_transaction_read_only is on. Point DATABASE_URL at the primary.',
};

const UNREACHABLE = 'cannot be reached. Is it running, and is the address in DATABASE_URL right?';
const REFUSED_LOGIN = 'does not accept the user or password in DATABASE_URL.';
const NO_DATABASE = 'does not exist on its server. Create it, or correct its name in DATABASE_URL.';
const NO_TLS = 'cannot be reached over TLS as DATABASE_URL asks (sslmode).';
const NO_CONNECTION_LEFT = 'has no connection left. Try again, or raise max_connections.';
const STARTS_OR_STOPS = 'is starting or stopping. Try again soon.';
const NOT_ANSWERED = 'did not answer. Try again when it is well.';
const NO_ROOM = 'is out of space, memory or another resource. Its log says of which.';
const DAMAGED = 'cannot read or write its files. Its log says which.';
const NO_RIGHT =
  'does not give the role in DATABASE_URL the rights that it needs on the tables of the broker.';
const CONFLICT = 'had two changes that exclude each other. Try again.';

export const NO_ANSWER: DatabaseFault = {
  code: 'database_unavailable',
  message: `The database ${NOT_ANSWERED}`,
};

/**
 * By code: SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), Node's, Prisma's. Words are
 * translated where lc_messages says so.
 */
const CODES: readonly (readonly [RegExp, string])[] = [
  [/^(28\w{3}|P1000|P1010)$/, REFUSED_LOGIN],
  [/^(3D000|P1003|57P04)$/, NO_DATABASE],
  [/^(53300|P2037)$/, NO_CONNECTION_LEFT],
  [/^(57P0[123]|55000)$/, STARTS_OR_STOPS],
  [/^53\w{3}$/, NO_ROOM],
  // Disk and files; a page or an index that is damaged.
  [/^(58\w{3}|XX00[12])$/, DAMAGED],
  [/^42501$/, NO_RIGHT],
  [/^(40\w{3}|P2034)$/, CONFLICT],
  [/^P1001$/, UNREACHABLE],
  // The addresses of a name cannot be found or reached, or this process has no port or file descriptor left.
  [
    /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ENONET|EADDRNOTAVAIL|ENOBUFS)$/,
    UNREACHABLE,
  ],
  [
    /^(P1011|ERR_SSL_\w+|ERR_TLS_\w+|ERR_OSSL_\w+|EPROTO|CERT_\w+|CRL_\w+|UNABLE_TO_\w+|\w*SELF_SIGNED_CERT\w*|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE))$/,
    NO_TLS,
  ],
  // Connections that are lost, and what follows in a transaction that lost its own; waited too long for a lock or an answer.
  [
    /^(08\w{3}|25P0[234]|55P03|57\w{3}|P1002|P1008|P1017|P2024|P2028|ECONNRESET|ECONNABORTED|ENETRESET|ENOTCONN|EPIPE|ESHUTDOWN|ETIMEDOUT|ERR_STREAM_\w+|ERR_SOCKET_\w+)$/,
    NOT_ANSWERED,
  ],
];

/** PgBouncer's refusal of BEGIN; its code is that of every protocol error. */
const POOLS_STATEMENTS = /statement pooling mode/;
const NO_STATEMENT_POOLING: DatabaseFault = {
  code: 'database_unavailable',
  message:
    'PgBouncer in pool_mode=statement is not supported: it refuses transactions. Use pool_mode=transaction or session.',
};

/** A table, column or schema does not exist, in Prisma's words and in PostgreSQL's. */
const MISSING = /^(P2021|P2022|42P01|42703|3F000)$/;
/** A function of distributed/distributed-functions.ts with the arguments of this version. */
const MISSING_FUNCTION = /^function (public\.)?distributed_\w+\(.*\) does not exist$/;

/** Of pg, of Prisma's adapter and of its schema engine, where they give no code. They are in no other language. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  // With codes that files have as well: of a socket, and of a process that may open no more.
  [/Can't reach database server|^(.*\n)*connect E\w+/, UNREACHABLE],
  [/Authentication failed against|^SASL|unknown authenticationOk/, REFUSED_LOGIN],
  [/Database `.*` does not exist/, NO_DATABASE],
  [/opening a TLS connection|does not support SSL|establishing an SSL connection/, NO_TLS],
  [/too many (clients|connections)/i, NO_CONNECTION_LEFT],
  [/the database system is|due to administrator command/, STARTS_OR_STOPS],
  [
    /Connection terminated|closed the connection|could not (send data to|receive data from) server|no connection to the server|connection not open|ECONNRESET|[Tt]imed out|timeout|Unable to start a transaction|is not queryable|calling end on the pool|Transaction API error|Transaction already closed|Received unexpected \w+ message/,
    NOT_ANSWERED,
  ],
];

/** PostgreSQL ends a connection so, or does not let it begin, whatever the code. */
const IS_OVER = /^(FATAL|PANIC)$/;

/** @returns null when the error is about something else */
export function databaseFault(error: unknown): DatabaseFault | null {
  if (!isError(error)) return null;
  if (error instanceof SessionFault) return unavailable(error.message);
  const { codes, severities } = factsOf(error);
  if (codes.some((code) => MISSING.test(code)) || MISSING_FUNCTION.test(error.message)) return NOT_MIGRATED;
  if (codes.includes('25006')) return READ_ONLY;
  if (POOLS_STATEMENTS.test(error.message)) return NO_STATEMENT_POOLING;
  const [, why] = CODES.find(([form]) => codes.some((code) => form.test(code))) ?? [];
  if (why !== undefined) return unavailable(why);
  if (severities.some((severity) => IS_OVER.test(severity))) return unavailable(NOT_ANSWERED);
  const [, said] = WORDS.find(([words]) => words.test(error.message)) ?? [];
  return said === undefined ? null : unavailable(said);
}

/** The codes of an error, and of those that it was made from: PostgreSQL's are in what Prisma's adapter adds. */
export function codesOf(error: unknown): readonly string[] {
  return factsOf(error).codes;
}

/** Also one of another realm, such as Node's own inside of a test. */
function isError(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'message' in error && 'stack' in error;
}

function unavailable(why: string): DatabaseFault {
  return { code: 'database_unavailable', message: `The database ${why}` };
}

const DEEPEST = 5;

function factsOf(error: unknown, depth = 0): { codes: string[]; severities: string[] } {
  const codes: string[] = [];
  const severities: string[] = [];
  if (typeof error !== 'object' || error === null || depth > DEEPEST) return { codes, severities };
  const { code, originalCode, errorCode, severity, cause, errors, meta } = error as Record<string, unknown>;
  for (const each of [originalCode, code, errorCode]) if (typeof each === 'string') codes.push(each);
  if (typeof severity === 'string') severities.push(severity);
  const inner = [cause, (meta as Record<string, unknown> | undefined)?.['driverAdapterError']];
  for (const each of [...inner, ...(Array.isArray(errors) ? (errors as unknown[]) : [])]) {
    const found = factsOf(each, depth + 1);
    codes.push(...found.codes);
    severities.push(...found.severities);
  }
  return { codes, severities };
}

/** Prisma's code for a row that a unique index refused. */
const UNIQUE_VIOLATION = 'P2002';

export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === UNIQUE_VIOLATION;
}

/** A setting of the session that the broker does not work with, and that it could not set itself. */
export class SessionFault extends Error {
  override readonly name = 'SessionFault';

  /** @param remedy the value that the role needs, as SQL; null where no role can have it */
  constructor(
    readonly setting: string,
    what: string,
    remedy: string | null,
  ) {
    const advice =
      remedy === null ? '' : ` Run ALTER ROLE … SET ${setting} = ${remedy} for the role of DATABASE_URL.`;
    super(`gives sessions in which ${setting} ${what}.${advice}`);
  }
}
