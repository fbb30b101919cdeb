-- What a writer of the database may not forge: docs/decisions/0004-sealing.md. Rows from before carry no MAC and are not
-- accepted; `token-broker keys reseal --adopt` signs services after the operator has looked at them.
ALTER TABLE "grants" ADD COLUMN "credential_version" INTEGER;
ALTER TABLE "services" ADD COLUMN "mac" BYTEA;
ALTER TABLE "refresh_tokens" ADD COLUMN "mac" BYTEA;

-- CreateTable
CREATE TABLE "key_usage" (
    "kid" TEXT NOT NULL,
    "seals" BIGINT NOT NULL,

    CONSTRAINT "key_usage_pkey" PRIMARY KEY ("kid")
);

-- CreateTable
CREATE TABLE "audit_retention" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "days" INTEGER NOT NULL,

    CONSTRAINT "audit_retention_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "audit_retention_one_row" CHECK ("id" = 1 AND "days" >= 1)
);
INSERT INTO "audit_retention" ("days") VALUES (400);

-- The only way to delete audit events: with the rights of the tables' owner, and never what is younger than the owner's
-- retention by the database's own clock, whoever asks. `token-broker migrate` sets the days.
CREATE FUNCTION prune_audit_events(before timestamptz, most integer) RETURNS integer
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH pruned AS (
    DELETE FROM public.audit_events WHERE id IN (
      SELECT id FROM public.audit_events
      WHERE at < least(before, now() - (SELECT days FROM public.audit_retention) * interval '1 day') LIMIT most)
    RETURNING 1)
  SELECT count(*)::integer FROM pruned;
$$;
REVOKE EXECUTE ON FUNCTION prune_audit_events(timestamptz, integer) FROM PUBLIC;
