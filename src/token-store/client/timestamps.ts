import type pg from 'pg';
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlQuery, SqlQueryable } from '@prisma/driver-adapter-utils';
import { SessionFault } from './database-error.js';

/** No column is of another type of time. */
const TIMESTAMPTZ = 1184;
/**
 * The broker writes neither. A row that was changed in the database must not make a whole list fail; a seal over it does not
 * open.
 */
const ENDS_OF_TIME: ReadonlyMap<string, Date> = new Map([
  ['infinity', new Date('9900-01-01T00:00:00Z')],
  ['-infinity', new Date('0001-01-01T00:00:00Z')],
]);
/** What Node does not read itself: years beyond 9999 or before Christ, offsets of old days with seconds. */
const ISO =
  /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(\.\d+)?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?( BC)?$/;

/**
 * Reads what PostgreSQL writes in DateStyle ISO, whatever the time zone of the session: the offset is part of it.
 * @throws {SessionFault} in another DateStyle, where day and month may be exchanged
 */
export function parseTimestamp(text: string): Date {
  const date = new Date(`${text.slice(0, 10)}T${text.slice(11)}${/[+-]\d\d$/.test(text) ? ':00' : ''}`);
  if (!Number.isNaN(date.getTime()) && text[4] === '-' && text[10] === ' ') return date;
  const found = ISO.exec(text);
  if (!found) throw new SessionFault('DateStyle', 'is not ISO', "'ISO'");
  const [year = 0, month = 1, day, hour, minute, second] = found.slice(1, 7).map(Number);
  const [, , , , , , , fraction = '0', sign, hours, minutes = '0', seconds = '0', era] = found;
  const offset = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  const local = new Date(0);
  local.setUTCFullYear(era === undefined ? year : 1 - year, month - 1, day);
  local.setUTCHours(hour ?? 0, minute, second, Math.trunc(Number(fraction) * 1000));
  return new Date(local.getTime() - (sign === '-' ? -offset : offset) * 1000);
}

/** @param as what a time becomes: a Date, or what Prisma wants */
export function readingTimestamps(
  parsers: pg.CustomTypesConfig,
  as: (date: Date) => unknown,
): pg.CustomTypesConfig {
  const parse = (text: string) => as(ENDS_OF_TIME.get(text) ?? parseTimestamp(text));
  const parserOf = parsers.getTypeParser.bind(parsers) as unknown as (
    oid: number,
    format?: string,
  ) => unknown;
  // Nothing is asked for in binary form.
  const getTypeParser = (oid: number, format?: string) =>
    oid === TIMESTAMPTZ ? parse : parserOf(oid, format);
  return { getTypeParser: getTypeParser };
}

/** Prisma's adapter writes a time without its zone, which PostgreSQL then takes for one of the session's zone. */
export class AdapterWithZones extends PrismaPg {
  override async connect() {
    const adapter = withZones(await super.connect());
    const start = adapter.startTransaction.bind(adapter);
    return Object.assign(adapter, {
      startTransaction: async (...args: Parameters<typeof start>) => withZones(await start(...args)),
    });
  }
}

function withZones<T extends SqlQueryable>(queryable: T): T {
  const queryRaw = queryable.queryRaw.bind(queryable);
  const executeRaw = queryable.executeRaw.bind(queryable);
  return Object.assign(queryable, {
    queryRaw: (query: SqlQuery) => queryRaw(zoned(query)),
    executeRaw: (query: SqlQuery) => executeRaw(zoned(query)),
  });
}

function zoned(query: SqlQuery): SqlQuery {
  if (!query.argTypes.some(({ scalarType }) => scalarType === 'datetime')) return query;
  const args = query.args.map((arg, index) =>
    query.argTypes[index]?.scalarType === 'datetime' ? withZone(arg) : arg,
  );
  // As strings they pass through the adapter as they are.
  const argTypes = query.argTypes.map((type) =>
    type.scalarType === 'datetime' ? { ...type, scalarType: 'string' as const } : type,
  );
  return { ...query, args, argTypes };
}

function withZone(arg: unknown): unknown {
  if (Array.isArray(arg)) return arg.map(withZone);
  return typeof arg === 'string' || arg instanceof Date ? new Date(arg).toISOString() : arg;
}
