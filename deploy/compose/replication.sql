-- For psql, as a superuser, after roles.sql; safe to run again. The role that a standby connects as: it reads the write-ahead log,
-- which holds what every table holds, and nothing in clear that the broker seals.
\set ON_ERROR_STOP on
\set replication_password `cat "$REPLICATION_PASSWORD_FILE"`

SELECT 'CREATE ROLE token_broker_replication'
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'token_broker_replication') \gexec

ALTER ROLE token_broker_replication LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS
  PASSWORD :'replication_password';
