-- For psql, as a superuser, on the primary, once the standby follows it; safe to run again. Stored in the data folder of this server
-- alone: a promoted standby waits for no other one until this is run there, with a standby of its own.
\set ON_ERROR_STOP on

DO $$
BEGIN
  FOR attempt IN 1..60 LOOP
    PERFORM pg_stat_clear_snapshot();
    IF EXISTS (SELECT FROM pg_stat_replication WHERE application_name = 'standby' AND state = 'streaming') THEN RETURN; END IF;
    PERFORM pg_sleep(0.5);
  END LOOP;
  RAISE EXCEPTION 'no standby follows this server, which stays as it is';
END $$;

ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)';
SELECT pg_reload_conf() \g /dev/null
