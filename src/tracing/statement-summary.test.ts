import { expect, test } from '@jest/globals';
import { summaryOf } from './statement-summary.js';

test.each([
  ['SELECT 1', 'SELECT'],
  ['select * from grants where id = $1', 'SELECT grants'],
  ['SELECT "public"."grants"."id" FROM "public"."grants" WHERE 1=1', 'SELECT grants'],
  ['\n  SELECT id FROM public.grants FOR UPDATE SKIP LOCKED', 'SELECT grants'],
  ['SELECT id FROM grants FOR NO KEY UPDATE', 'SELECT grants'],
  ['SELECT extract(epoch FROM expires_at) * 1000 AS ms FROM access_tokens', 'SELECT access_tokens'],
  ['SELECT EXTRACT( EPOCH  FROM clock_timestamp())', 'SELECT'],
  ['WITH x AS (SELECT id FROM grants) SELECT * FROM x', 'SELECT grants'],
  ['WITH x AS (SELECT 1) UPDATE grants SET version = 2', 'UPDATE grants'],
  ['WITH gone AS (DELETE FROM access_tokens RETURNING 1) SELECT count(*) FROM gone', 'DELETE access_tokens'],
  ['INSERT INTO "public"."grants" (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET id = $1', 'INSERT grants'],
  ['insert into grants select * from old_grants', 'INSERT grants'],
  ['UPDATE\n  grants SET updated = 1', 'UPDATE grants'],
  ['SELECT (SELECT 1 FROM access_tokens_102061 AS access_tokens) FROM grants_102008', 'SELECT access_tokens'],
  ['DELETE FROM public.audit_trail_2026_11', 'DELETE audit_trail_2026_11'],
  ['BEGIN', 'BEGIN'],
  ['commit', 'COMMIT'],
  ['LISTEN token_broker', 'LISTEN'],
  ['SET statement_timeout = 5', 'SET'],
  ["SELECT pg_notify('a', 'b')", 'SELECT'],
  ['', ''],
  ['  ;', ''],
])('the summary of %j is %j', (statement, summary) => {
  expect(summaryOf(statement)).toBe(summary);
  // The second time it is remembered.
  expect(summaryOf(statement)).toBe(summary);
});

test.each([
  "SELECT * FROM grants WHERE user_id = 'update alice'",
  "SELECT * FROM grants WHERE user_id = 'it''s from alice, delete from alice'",
  "SELECT 'from alice' FROM grants",
])('no value that was written into the text is in the summary of %j', (statement) => {
  expect(summaryOf(statement)).toBe('SELECT grants');
});
