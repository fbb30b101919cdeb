-- For psql, as a superuser, before each migrate; safe to run again. Two roles, neither a superuser: the owner of the tables
-- migrates, the broker runs as the other. What the other may do, `token-broker migrate --grant-runtime` says.
\set ON_ERROR_STOP on
\set owner_password `cat "$OWNER_PASSWORD_FILE"`
\set runtime_password `cat "$RUNTIME_PASSWORD_FILE"`

SELECT 'CREATE ROLE ' || name FROM (VALUES ('token_broker_owner'), ('token_broker')) AS wanted (name)
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE token_broker_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
  PASSWORD :'owner_password';
ALTER ROLE token_broker LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
  PASSWORD :'runtime_password';

SELECT format('ALTER DATABASE %I OWNER TO token_broker_owner', current_database()) \gexec
