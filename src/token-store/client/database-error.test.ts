import { describe, expect, test } from '@jest/globals';
import { databaseFault, SessionFault } from './database-error.js';

const withCode = (code: string, more: object = {}) =>
  Object.assign(new Error('in any language'), { code, ...more });
/** As Prisma's adapter hands on what PostgreSQL says. */
const throughPrisma = (originalCode: string) =>
  Object.assign(new Error('Invalid `prisma.grant.create()` invocation'), {
    code: 'P2039',
    meta: { driverAdapterError: { name: 'DriverAdapterError', cause: { originalCode, kind: 'postgres' } } },
  });

const SQLSTATES = [
  ...[
    '08000',
    '08001',
    '08003',
    '08004',
    '08006',
    '08P01',
    '25006',
    '25P02',
    '25P03',
    '25P04',
    '28000',
    '28P01',
  ],
  ...[
    '3D000',
    '40001',
    '40P01',
    '42501',
    '53000',
    '53100',
    '53200',
    '53300',
    '53400',
    '55000',
    '55P03',
    '57014',
  ],
  ...['57P01', '57P02', '57P03', '57P04', '57P05', '58000', '58030', '58P01', 'XX001', 'XX002'],
];

describe('an outage is recognised', () => {
  test.each(SQLSTATES)('by SQLSTATE %s, from pg and through Prisma', (code) => {
    expect(databaseFault(withCode(code))?.code).toBe('database_unavailable');
    expect(databaseFault(throughPrisma(code))?.code).toBe('database_unavailable');
  });

  test.each([
    ...[
      'ECONNREFUSED',
      'ECONNRESET',
      'ECONNABORTED',
      'EPIPE',
      'ETIMEDOUT',
      'ENOTFOUND',
      'EAI_AGAIN',
      'EAI_FAIL',
    ],
    ...['EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'ENOBUFS'],
    ...[
      'CERT_HAS_EXPIRED',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'ERR_TLS_CERT_ALTNAME_INVALID',
    ],
    ...['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER'],
    ...['P1000', 'P1001', 'P1002', 'P1008', 'P1010', 'P1011', 'P1017', 'P2024', 'P2028', 'P2034', 'P2037'],
  ])('by the code %s of Node or Prisma', (code) => {
    expect(databaseFault(withCode(code))?.code).toBe('database_unavailable');
  });

  test('where none of several addresses of one name answers', () => {
    const error = new AggregateError([withCode('ENETUNREACH'), withCode('ECONNREFUSED')]);
    expect(databaseFault(error)?.message).toContain('cannot be reached');
  });

  test('by what PostgreSQL or a pooler calls FATAL, as the connection is over', () => {
    expect(databaseFault(withCode('XX000', { severity: 'FATAL' }))?.code).toBe('database_unavailable');
    expect(databaseFault(withCode('XX000', { severity: 'ERROR' }))).toBeNull();
  });

  test('where a session does not fit, and the message names the setting', () => {
    expect(databaseFault(new SessionFault('search_path', 'leads elsewhere', 'public'))?.message).toBe(
      'The database gives sessions in which search_path leads elsewhere. Run ALTER ROLE … SET search_path = public for the role of DATABASE_URL.',
    );
  });

  test.each([
    'Connection terminated unexpectedly',
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
    'Cannot use a pool after calling end on the pool',
    'Query read timeout',
    'timeout exceeded when trying to connect',
    'The server does not support SSL connections',
    'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string',
    'connect ENOENT /run/postgresql/.s.PGSQL.5432',
    'connect EMFILE 127.0.0.1:5432 - Local (undefined:undefined)',
  ])('by the text "%s" of pg, which has no code', (message) => {
    expect(databaseFault(new Error(message))?.code).toBe('database_unavailable');
  });
});

test.each(['42P01', '42703', '3F000', 'P2021', 'P2022'])(
  'SQLSTATE %s means that the database is not migrated',
  (code) => {
    expect(databaseFault(withCode(code))?.code).toBe('database_not_migrated');
  },
);

test.each([
  ['23505', 'a duplicate'],
  ['22P02', 'a malformed value'],
  ['42601', "a fault in the broker's SQL"],
  ['P2002', 'a duplicate'],
  ['ENOENT', 'a file that is missing'],
  ['EACCES', 'a file that may not be read'],
])('SQLSTATE %s, %s, is no outage', (code) => {
  expect(databaseFault(withCode(code))).toBeNull();
});
