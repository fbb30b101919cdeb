-- The audit trail, partitioned by month: docs/decisions/0023-audit-partitions.md. The table of before, audit_events, becomes
-- the first partition, as it is: no row is copied. Versions before this one go on writing to it and reading it. This migration
-- and the last of the six hold their locks for as long as the catalog takes; the four between them let everyone read and write.

-- When the row was written, by the database's clock: the order of the export. NULL in rows of before, which were all written by then.
ALTER TABLE "audit_events" ADD COLUMN "recorded_at" TIMESTAMPTZ(3);
ALTER TABLE "audit_events" ALTER COLUMN "recorded_at" SET DEFAULT clock_timestamp();

CREATE TABLE "audit_trail" (LIKE "audit_events" INCLUDING DEFAULTS) PARTITION BY RANGE ("at");
ALTER TABLE "audit_trail" ADD CONSTRAINT "audit_trail_pkey" PRIMARY KEY ("at", "id");
-- It outlives audit_events.
ALTER SEQUENCE "audit_events_sequence_seq" OWNED BY "audit_trail"."sequence";

-- As those of audit_events, so that it brings them along.
CREATE INDEX "audit_trail_order" ON "audit_trail" ("at", "sequence");
CREATE INDEX "audit_trail_of_users" ON "audit_trail" ("user_id" COLLATE "C", "at", "sequence") WHERE "user_id" IS NOT NULL;
CREATE INDEX "audit_trail_of_service" ON "audit_trail" ("service_id", "at", "sequence");
CREATE INDEX "audit_trail_of_grants" ON "audit_trail" ("grant_id", "at", "sequence")
  WHERE "grant_id" IS NOT NULL AND "action" <> 'token.issue'
    AND ("action" <> 'token.refresh' OR "outcome" <> 'ok' OR jsonb_exists("details", 'refused'));
CREATE INDEX "audit_trail_of_actions" ON "audit_trail" ("action", "at" DESC NULLS LAST, "sequence" DESC NULLS LAST)
  WHERE "action" NOT IN ('token.issue', 'token.refresh');
CREATE INDEX "audit_trail_recorded" ON "audit_trail" (COALESCE("recorded_at", "at"), "id");

-- Takes what has no partition, such as an event of a clock that is years ahead: a missing partition loses nothing.
CREATE TABLE "audit_trail_default" PARTITION OF "audit_trail" DEFAULT;

CREATE FUNCTION audit_partitions() RETURNS TABLE (name text, starts timestamptz, ends timestamptz)
  LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
  SELECT relname::text, coalesce(substring(bounds FROM $re$FROM \('([^']+)'\)$re$)::timestamptz, '-infinity'),
    coalesce(substring(bounds FROM $re$TO \('([^']+)'\)$re$)::timestamptz, 'infinity')
  FROM pg_inherits JOIN pg_class ON oid = inhrelid CROSS JOIN LATERAL pg_get_expr(relpartbound, oid) AS bounds
  WHERE inhparent = 'public.audit_trail'::regclass AND bounds <> 'DEFAULT';
$$;

-- Partitions are reached through audit_trail alone: default privileges, which cover every new table, would let the broker's
-- role change and delete events in them.
CREATE FUNCTION revoke_all_but_owner(name text) RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  grantee text;
BEGIN
  FOR grantee IN
    SELECT DISTINCT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END
    FROM pg_class, aclexplode(relacl) AS acl
    WHERE relnamespace = 'public'::regnamespace AND relname = name AND acl.grantee <> relowner
  LOOP
    EXECUTE format('REVOKE ALL ON TABLE public.%I FROM %s', name, grantee);
  END LOOP;
END $$;

-- Makes the partitions of this month and of those after it, where there are none: with the rights of the tables' owner, since
-- the broker's role may make no table. Several at a time: the first one works, the others return at once. ATTACH lets
-- others write meanwhile, which CREATE TABLE ... PARTITION OF does not. Returns the names of those that it made.
CREATE FUNCTION create_audit_partitions(ahead integer) RETURNS text[]
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' SET lock_timeout = '1s' AS $$
DECLARE
  made text[] := '{}';
  first timestamptz;
  last timestamptz;
  name text;
BEGIN
  IF NOT pg_try_advisory_xact_lock(72707370) THEN RETURN made; END IF;
  FOR month IN 0..least(ahead, 24) LOOP
    first := date_trunc('month', now()) + month * interval '1 month';
    last := first + interval '1 month';
    CONTINUE WHEN EXISTS (SELECT FROM public.audit_partitions() AS p WHERE p.starts < last AND p.ends > first);
    -- More than can be moved at once stay where they are, with the rest of their month.
    CONTINUE WHEN (SELECT count(*) FROM (SELECT FROM public.audit_trail_default
      WHERE at >= first AND at < last LIMIT 50001) AS few) > 50000;
    name := 'audit_trail_' || to_char(first, 'YYYY_MM');
    BEGIN
      LOCK TABLE public.audit_trail_default IN ACCESS EXCLUSIVE MODE;
      EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_trail INCLUDING DEFAULTS)', name);
      PERFORM public.revoke_all_but_owner(name);
      EXECUTE format('WITH moved AS (DELETE FROM public.audit_trail_default WHERE at >= $1 AND at < $2 RETURNING *)
        INSERT INTO public.%I SELECT * FROM moved', name) USING first, last;
      EXECUTE format('ALTER TABLE public.audit_trail ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', name, first, last);
      made := made || name;
    EXCEPTION WHEN lock_not_available THEN
      RETURN made;
    END;
  END LOOP;
  RETURN made;
END $$;

-- Detaches and drops the oldest partition whose events are all older than a time, and than the owner's retention by the
-- database's own clock. Readers of audit_trail wait for it, no longer than the catalog takes; where it would have to wait
-- for them, it returns and leaves it to the next time. Returns its name, or NULL.
CREATE FUNCTION drop_audit_partition(before timestamptz) RETURNS text
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
  oldest text;
BEGIN
  IF NOT pg_try_advisory_xact_lock(72707370) THEN RETURN NULL; END IF;
  SELECT p.name INTO oldest FROM public.audit_partitions() AS p
    WHERE p.ends <= least(before, now() - (SELECT days FROM public.audit_retention) * interval '1 day')
    ORDER BY p.ends LIMIT 1;
  IF oldest IS NULL THEN RETURN NULL; END IF;
  EXECUTE format('ALTER TABLE public.audit_trail DETACH PARTITION public.%I', oldest);
  EXECUTE format('DROP TABLE public.%I', oldest);
  RETURN oldest;
EXCEPTION WHEN lock_not_available THEN
  RETURN NULL;
END $$;

-- As before, for what is in no month's partition.
CREATE OR REPLACE FUNCTION prune_audit_events(before timestamptz, most integer) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  oldest timestamptz := least(before, now() - (SELECT days FROM public.audit_retention) * interval '1 day');
  place text;
  pruned integer;
  total integer := 0;
BEGIN
  FOREACH place IN ARRAY ARRAY['audit_events', 'audit_trail_default'] LOOP
    CONTINUE WHEN to_regclass('public.' || place) IS NULL;
    EXECUTE format('WITH pruned AS (
        DELETE FROM public.%1$I WHERE (at, id) IN (SELECT at, id FROM public.%1$I WHERE at < $1 LIMIT $2) RETURNING 1)
      SELECT count(*)::integer FROM pruned', place) INTO pruned USING oldest, most - total;
    total := total + pruned;
  END LOOP;
  RETURN total;
END $$;

-- What a version before this one writes to audit_events after the last month of that: to its own partition.
CREATE FUNCTION redirect_audit_event() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.audit_trail VALUES (NEW.*) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;

DO $$
DECLARE
  -- At least a month ahead: until then a version before this one also reads everything that is written.
  ends timestamptz := (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months') AT TIME ZONE 'UTC';
  holder record;
BEGIN
  EXECUTE format('ALTER TABLE "audit_events" ADD CONSTRAINT "audit_events_ends" CHECK ("at" < %L) NOT VALID', ends);
  EXECUTE format('CREATE TRIGGER "audit_events_redirect" BEFORE INSERT ON "audit_events" FOR EACH ROW
    WHEN (NEW."at" >= %L) EXECUTE FUNCTION redirect_audit_event()', ends);
  WITH later AS (DELETE FROM "audit_events" WHERE "at" >= ends RETURNING *)
    INSERT INTO "audit_trail" SELECT * FROM later;

  -- The rights on audit_events, no others: default privileges would give the broker's role too many.
  PERFORM revoke_all_but_owner('audit_trail'), revoke_all_but_owner('audit_trail_default');
  FOR holder IN
    SELECT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS name, privilege_type AS privilege
    FROM pg_class, aclexplode(relacl) AS acl
    WHERE oid = '"audit_events"'::regclass AND acl.grantee <> relowner
  LOOP
    EXECUTE format('GRANT %s ON "audit_trail" TO %s', holder.privilege, holder.name);
  END LOOP;
  REVOKE EXECUTE ON FUNCTION revoke_all_but_owner(text), create_audit_partitions(integer), drop_audit_partition(timestamptz),
    redirect_audit_event() FROM PUBLIC;
  FOR holder IN
    SELECT acl.grantee::regrole::text AS name FROM pg_proc, aclexplode(proacl) AS acl
    WHERE oid = 'prune_audit_events(timestamptz, integer)'::regprocedure AND acl.grantee NOT IN (0, proowner)
  LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION create_audit_partitions(integer), drop_audit_partition(timestamptz) TO %s',
      holder.name);
  END LOOP;
END $$;
