-- AlterTable
ALTER TABLE "grants" ADD COLUMN "lease_awaited" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "lease_expires_at" TIMESTAMPTZ(3),
ADD COLUMN "lease_owner" UUID,
ADD COLUMN "refresh_failures" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN "refreshes" INTEGER NOT NULL DEFAULT 0;

-- AlterTable: of tokens that are there nobody knows when they came; they are treated as new ones.
ALTER TABLE "access_tokens" ADD COLUMN "obtained_at" TIMESTAMPTZ(3) NOT NULL DEFAULT now();
ALTER TABLE "access_tokens" ALTER COLUMN "obtained_at" DROP DEFAULT;

-- AlterTable
ALTER TABLE "audit_events" ADD COLUMN "count" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN "last_at" TIMESTAMPTZ(3);
UPDATE "audit_events" SET "last_at" = "at";
ALTER TABLE "audit_events" ALTER COLUMN "last_at" SET NOT NULL;

-- Room in each page, so that a lease and a new token are updates in place that touch no index.
ALTER TABLE "grants" SET (fillfactor = 80);
ALTER TABLE "access_tokens" SET (fillfactor = 80);

-- What every replica must hear of: src/token-store/postgres-changes.ts. Triggers, so that nobody can change a grant or a
-- service and forget to tell.
CREATE FUNCTION tell_grant_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('token_broker', json_build_object(
    'kind', 'grant',
    'userId', COALESCE(NEW.user_id, OLD.user_id),
    'client', COALESCE(NEW.client, OLD.client))::text);
  RETURN NULL;
END $$;

CREATE FUNCTION tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('token_broker', json_build_object('kind', TG_ARGV[0])::text);
  RETURN NULL;
END $$;

CREATE TRIGGER grant_came_or_went AFTER INSERT OR DELETE ON "grants"
  FOR EACH ROW EXECUTE FUNCTION tell_grant_change();

-- A refresh is told to those who wait for it, and to nobody else: NOTIFY makes commits queue.
CREATE TRIGGER grant_changed AFTER UPDATE ON "grants"
  FOR EACH ROW WHEN (OLD.version <> NEW.version OR OLD.status <> NEW.status OR OLD.granted_scopes <> NEW.granted_scopes
    OR (OLD.lease_awaited AND NOT NEW.lease_awaited))
  EXECUTE FUNCTION tell_grant_change();

CREATE TRIGGER grants_emptied AFTER TRUNCATE ON "grants"
  FOR EACH STATEMENT EXECUTE FUNCTION tell_change('everything');

-- For whoever must make all access tokens be forgotten at once.
CREATE TRIGGER access_tokens_emptied AFTER TRUNCATE ON "access_tokens"
  FOR EACH STATEMENT EXECUTE FUNCTION tell_change('everything');

CREATE TRIGGER services_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON "services"
  FOR EACH STATEMENT EXECUTE FUNCTION tell_change('services');
