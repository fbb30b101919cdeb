-- As before (migration audit_trail), in statements that also run where the trail is spread over several servers: rows are moved by
-- two statements, under the same lock.
CREATE OR REPLACE FUNCTION create_audit_partitions(ahead integer) RETURNS text[]
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' SET lock_timeout = '1s' AS $$
DECLARE
  made text[] := '{}';
  first timestamptz;
  last timestamptz;
  name text;
  rows bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(72707370) THEN RETURN made; END IF;
  FOR month IN 0..least(ahead, 24) LOOP
    first := date_trunc('month', now()) + month * interval '1 month';
    last := first + interval '1 month';
    CONTINUE WHEN EXISTS (SELECT FROM public.audit_partitions() AS p WHERE p.starts < last AND p.ends > first);
    -- More than can be moved at once stay where they are, with the rest of their month.
    CONTINUE WHEN (SELECT count(*) FROM (SELECT 1 FROM public.audit_trail_default
      WHERE at >= first AND at < last LIMIT 50001) AS few) > 50000;
    name := 'audit_trail_' || to_char(first, 'YYYY_MM');
    BEGIN
      LOCK TABLE public.audit_trail_default IN ACCESS EXCLUSIVE MODE;
      EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_trail INCLUDING DEFAULTS)', name);
      PERFORM public.revoke_all_but_owner(name);
      EXECUTE format('INSERT INTO public.%I SELECT * FROM public.audit_trail_default WHERE at >= $1 AND at < $2', name)
        USING first, last;
      GET DIAGNOSTICS rows = ROW_COUNT;
      IF rows > 0 THEN
        DELETE FROM public.audit_trail_default WHERE at >= first AND at < last;
      END IF;
      EXECUTE format('ALTER TABLE public.audit_trail ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', name, first, last);
      made := made || name;
    EXCEPTION WHEN lock_not_available THEN
      RETURN made;
    END;
  END LOOP;
  RETURN made;
END $$;
