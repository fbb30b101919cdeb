import pg from 'pg';
import { Secret } from '../../domain/secret.js';
import { AddressSource } from '../client/address-source.js';
import { DatabaseClient } from '../client/database-client.js';

/*
 * What `token-broker migrate` sets in addition to the schema: the privileges of the role that the broker runs as, and how long the
 * database refuses to delete audit events. Does not create the roles (deploy/roles.sql) nor delete events
 * (audit/audit-partitions.job.ts).
 */

/** Privileges on tables that the broker does not write freely; on all others it reads and writes rows. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  audit_trail: 'SELECT, INSERT',
  // A partition, to which the version before this one writes.
  audit_events: 'SELECT, INSERT',
  audit_retention: 'SELECT',
  _prisma_migrations: 'SELECT',
};
const ROWS = 'SELECT, INSERT, UPDATE, DELETE';

/** A role that must not be the one that the broker runs as; the message says why. */
export class UnfitRole extends Error {
  override readonly name = 'UnfitRole';
}

interface RoleFacts {
  readonly rolsuper: boolean;
  readonly owns: boolean;
  readonly isPowerful: boolean;
}

/**
 * Grants the broker's role what it needs and revokes everything else: no DDL, no TRUNCATE, of the audit trail SELECT and
 * INSERT. Run by the owner of the tables; safe to run again. Default privileges cover tables that a later migration adds.
 * @throws {UnfitRole} when nothing that is granted could hold the role back, or it could still change the schema
 */
export async function grantPrivileges(database: string | AddressSource, role: string): Promise<void> {
  const client = new DatabaseClient({ source: sourceOf(database) });
  await client.connect();
  try {
    await client.query('BEGIN');
    await assertFit(client, role);
    for (const statement of await statements(client, pg.escapeIdentifier(role)))
      await client.query(statement);
    await assertNoDdl(client, role);
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}

async function assertFit(client: pg.Client, role: string): Promise<void> {
  const { rows } = await client.query<RoleFacts>(
    `SELECT rolsuper, pg_has_role(rolname, current_user, 'MEMBER') AS owns,
       rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS "isPowerful"
     FROM pg_roles WHERE rolname = $1`,
    [role],
  );
  const [facts] = rows;
  if (!facts)
    throw new UnfitRole(`There is no role ${role}. Make it first: CREATE ROLE ${role} LOGIN PASSWORD '...'`);
  if (facts.rolsuper) throw new UnfitRole(`The role ${role} is a superuser: nothing can be kept from it.`);
  if (facts.owns) {
    throw new UnfitRole(
      `The role ${role} owns the tables, or is a member of their owner. The broker must run as another role.`,
    );
  }
  if (facts.isPowerful) {
    throw new UnfitRole(
      `The role ${role} may create roles or databases, replicate or bypass row security. Take that away.`,
    );
  }
}

async function statements(client: pg.Client, role: string): Promise<string[]> {
  // Nothing is granted on the objects of others, such as an extension's.
  const { rows } = await client.query<{
    database: string;
    tables: string[];
    partitions: string[];
    sequences: string[];
    functions: string[];
  }>(
    `WITH held AS (
       SELECT relname::text AS name, relkind, relispartition FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND pg_has_role(relowner, 'USAGE'))
     SELECT current_database() AS database,
       ARRAY(SELECT name FROM held WHERE relkind IN ('r', 'p')) AS tables,
       ARRAY(SELECT name FROM held WHERE relispartition) AS partitions,
       ARRAY(SELECT name FROM held WHERE relkind = 'S') AS sequences,
       ARRAY(SELECT oid::regprocedure::text FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace AND pg_has_role(proowner, 'USAGE')) AS functions`,
  );
  const { database = '', tables = [], partitions = [], sequences = [], functions = [] } = rows[0] ?? {};
  const db = pg.escapeIdentifier(database);
  return [
    `GRANT CONNECT ON DATABASE ${db} TO ${role}`,
    `REVOKE CREATE, TEMPORARY ON DATABASE ${db} FROM PUBLIC, ${role}`,
    `REVOKE CREATE ON SCHEMA public FROM PUBLIC, ${role}`,
    `GRANT USAGE ON SCHEMA public TO ${role}`,
    ...tables.flatMap((name) => {
      const table = `public.${pg.escapeIdentifier(name)}`;
      // A partition is reached through its table, with the rights on that.
      const rights = EXCEPTIONS[name] ?? (partitions.includes(name) ? null : ROWS);
      return [
        `REVOKE ALL ON ${table} FROM ${role}`,
        ...(rights === null ? [] : [`GRANT ${rights} ON ${table} TO ${role}`]),
      ];
    }),
    ...sequences.map(
      (name) => `GRANT USAGE, SELECT ON SEQUENCE public.${pg.escapeIdentifier(name)} TO ${role}`,
    ),
    // As PostgreSQL writes it, quoted where it must be.
    ...functions.map((signature) => `GRANT EXECUTE ON FUNCTION ${signature} TO ${role}`),
    `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ${ROWS} ON TABLES TO ${role}`,
    `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO ${role}`,
  ];
}

/** Privileges by way of PUBLIC or another role are not revoked by the above, such as in a database with another owner. */
async function assertNoDdl(client: pg.Client, role: string): Promise<void> {
  const { rows } = await client.query<{ creates: boolean }>(
    `SELECT has_schema_privilege($1, 'public', 'CREATE') AS creates`,
    [role],
  );
  if (!rows[0]?.creates) return;
  throw new UnfitRole(
    `The role ${role} can still create tables in the schema public, which is not yours to change. Let a superuser run: ` +
      'REVOKE CREATE ON SCHEMA public FROM PUBLIC',
  );
}

/** @param days below which no audit event is deleted, whatever a broker asks for */
export async function setAuditRetention(database: string | AddressSource, days: number): Promise<void> {
  const client = new DatabaseClient({ source: sourceOf(database) });
  await client.connect();
  try {
    await client.query('UPDATE audit_retention SET days = $1', [days]);
  } finally {
    await client.end();
  }
}

function sourceOf(database: string | AddressSource): AddressSource {
  return typeof database === 'string' ? new AddressSource(new Secret(database)) : database;
}
