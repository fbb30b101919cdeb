/** Why the database could not serve; the message says what to do and shows nothing of its URL. */
export interface DatabaseFault {
  readonly code: 'database_unavailable' | 'database_not_migrated';
  readonly message: string;
}

const UNAVAILABLE: readonly (readonly [RegExp, string])[] = [
  [
    /Can't reach database server/,
    'cannot be reached. Is it running, and is the address in DATABASE_URL right?',
  ],
  [/Authentication failed against/, 'does not accept the user or password in DATABASE_URL.'],
  [
    /Database `.*` does not exist/,
    'does not exist on its server. Create it, or correct its name in DATABASE_URL.',
  ],
  [/opening a TLS connection/, 'cannot be reached over TLS as DATABASE_URL asks (sslmode).'],
  [/too many (clients|connections)/i, 'has no connection left. Try again, or raise max_connections.'],
  [/the database system is|due to administrator command/, 'is starting or stopping. Try again soon.'],
  [
    /Connection terminated|closed the connection|ECONNRESET|[Tt]imed out|timeout|Unable to start a transaction/,
    'did not answer. Try again when it is well.',
  ],
];

/** Of the network; and PostgreSQL's own, for connections that are lost, too many, or ended by its stop or start. */
const OUTAGES = /^(ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EHOSTUNREACH|08...$|53300$|57P0[123]$)/;

/**
 * Reads Prisma's words, because its schema engine gives no codes.
 * @returns null when the error is about something else
 */
export function databaseFault(error: unknown): DatabaseFault | null {
  if (!(error instanceof Error)) return null;
  // A table or column does not exist, in Prisma's words and in PostgreSQL's.
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && ['P2021', 'P2022', '42P01', '42703'].includes(code)) {
    return {
      code: 'database_not_migrated',
      message: 'The database lacks a table or column of this version. Run `token-broker migrate` first.',
    };
  }
  if (typeof code === 'string' && OUTAGES.test(code)) {
    return {
      code: 'database_unavailable',
      message: 'The database did not answer. Try again when it is well.',
    };
  }
  const [, why] = UNAVAILABLE.find(([words]) => words.test(error.message)) ?? [];
  return why === undefined ? null : { code: 'database_unavailable', message: `The database ${why}` };
}
