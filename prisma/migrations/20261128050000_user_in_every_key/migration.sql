-- One schema for one PostgreSQL and for Citus: docs/decisions/0025-one-schema-for-citus.md. Every statement about a user's tokens
-- names the user, and so does every key. `grants` is rewritten, and calls that need the database wait until the commit: CHANGELOG.md
-- says for how long, and what a broker of the version before cannot do any more.

-- All locks first: one that cannot be had in time costs no rewrite.
LOCK TABLE "grants", "access_tokens", "ads_trees", "refresh_tokens", "outbox_events", "audit_trail" IN ACCESS EXCLUSIVE MODE;

-- Where events and tokens are in the order in which they were written: by the time in microseconds, and ten random bits, since
-- several servers have no sequence in common. What a sequence numbered before is smaller, and keeps its order.
CREATE FUNCTION time_order() RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT ((extract(epoch FROM clock_timestamp()) * 1000000)::bigint << 10) + floor(random() * 1024)::bigint
$$;

ALTER TABLE "access_tokens" DROP CONSTRAINT "access_tokens_grant_id_fkey";
ALTER TABLE "ads_trees" DROP CONSTRAINT "ads_trees_grant_id_fkey";
-- Not replaced: the broker itself takes the grant out of the ledger.
ALTER TABLE "refresh_tokens" DROP CONSTRAINT "refresh_tokens_grant_id_fkey";

-- AlterTable grants: text with a CHECK in place of enums, in one rewrite. What depends on a type is made again.
DROP TRIGGER "grant_changed" ON "grants";
DROP INDEX "grants_of_service_accounts";
DROP INDEX "grants_inactive_of_client";
-- grants_of_account serves it as well.
DROP INDEX "grants_client_account_sub_idx";
ALTER TABLE "grants"
  DROP CONSTRAINT "grants_one_credential",
  DROP CONSTRAINT "grants_pkey",
  DROP COLUMN "expires_at",
  DROP COLUMN "expires_at_in_testing",
  ALTER COLUMN "kind" DROP DEFAULT,
  ALTER COLUMN "kind" TYPE TEXT USING "kind"::text,
  ALTER COLUMN "status" TYPE TEXT USING "status"::text,
  ALTER COLUMN "revoking_from" TYPE TEXT USING "revoking_from"::text,
  ALTER COLUMN "kind" SET DEFAULT 'user',
  ADD CONSTRAINT "grants_kind" CHECK ("kind" IN ('user', 'service_account')),
  ADD CONSTRAINT "grants_status" CHECK ("status" IN ('active', 'suspended', 'reconnect_required', 'revoked')),
  ADD CONSTRAINT "grants_revoking_from"
    CHECK ("revoking_from" IN ('active', 'suspended', 'reconnect_required', 'revoked')),
  ADD CONSTRAINT "grants_one_credential"
    CHECK (CASE "kind" WHEN 'user' THEN "sealed_key" IS NULL ELSE "sealed_refresh_token" IS NULL END),
  -- As in migration bounded_lists.
  ADD COLUMN "expires_at" TIMESTAMPTZ(3) GENERATED ALWAYS AS (
    CASE WHEN "status" = 'active' AND "kind" = 'user' THEN LEAST(
      "refresh_token_expires_at",
      (date_trunc('day', COALESCE("refreshed_at", "consented_at") AT TIME ZONE 'UTC') + interval '183 days') AT TIME ZONE 'UTC'
    ) END) STORED,
  ADD COLUMN "expires_at_in_testing" TIMESTAMPTZ(3) GENERATED ALWAYS AS (
    CASE WHEN "status" = 'active' AND "kind" = 'user' THEN LEAST(
      "refresh_token_expires_at",
      (date_trunc('day', COALESCE("refreshed_at", "consented_at") AT TIME ZONE 'UTC') + interval '183 days') AT TIME ZONE 'UTC',
      CASE WHEN NOT "granted_scopes" <@ ARRAY['openid', 'https://www.googleapis.com/auth/userinfo.email', 'https://www.googleapis.com/auth/userinfo.profile']
        THEN ("refresh_token_issued_at" AT TIME ZONE 'UTC' + interval '7 days') AT TIME ZONE 'UTC' END
    ) END) STORED,
  ADD CONSTRAINT "grants_pkey" PRIMARY KEY ("user_id", "id");
-- On one server an id is unique among all users, too. Over all rows; the condition keeps it from Prisma, which would name it in
-- ON CONFLICT.
CREATE UNIQUE INDEX "grants_id_key" ON "grants" ("id") WHERE "id" IS NOT NULL;
CREATE INDEX "grants_expiry" ON "grants" ("client", "expires_at", "id") WHERE "expires_at" IS NOT NULL;
CREATE INDEX "grants_expiry_in_testing" ON "grants" ("client", "expires_at_in_testing", "id")
  WHERE "expires_at_in_testing" IS NOT NULL;
CREATE INDEX "grants_of_service_accounts" ON "grants" ("created_at", "id") WHERE "kind" = 'service_account';
CREATE INDEX "grants_inactive_of_client" ON "grants" ("client", "status", "created_at", "id") WHERE "status" <> 'active';
CREATE TRIGGER "grant_changed" AFTER UPDATE ON "grants"
  FOR EACH ROW WHEN (OLD."version" <> NEW."version" OR OLD."status" <> NEW."status"
    OR OLD."granted_scopes" <> NEW."granted_scopes" OR (OLD."lease_awaited" AND NOT NEW."lease_awaited"))
  EXECUTE FUNCTION notify_grant_change();
ALTER TABLE "grants" ENABLE ALWAYS TRIGGER "grant_changed";
DROP TYPE "grant_kind";
DROP TYPE "grant_status";

-- AlterTable access_tokens. What has expired is of no use.
DELETE FROM "access_tokens" WHERE "expires_at" < now();
ALTER TABLE "access_tokens" ADD COLUMN "user_id" TEXT;
ALTER TABLE "access_tokens" DROP CONSTRAINT "access_tokens_pkey";
UPDATE "access_tokens" SET "user_id" = "grants"."user_id" FROM "grants" WHERE "grants"."id" = "grant_id";
ALTER TABLE "access_tokens"
  ALTER COLUMN "user_id" SET NOT NULL,
  ADD CONSTRAINT "access_tokens_pkey" PRIMARY KEY ("user_id", "grant_id", "scope_set"),
  ADD CONSTRAINT "access_tokens_user_id_grant_id_fkey" FOREIGN KEY ("user_id", "grant_id")
    REFERENCES "grants" ("user_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AlterTable ads_trees
ALTER TABLE "ads_trees" ADD COLUMN "user_id" TEXT;
UPDATE "ads_trees" SET "user_id" = "grants"."user_id" FROM "grants" WHERE "grants"."id" = "grant_id";
ALTER TABLE "ads_trees"
  ALTER COLUMN "user_id" SET NOT NULL,
  DROP CONSTRAINT "ads_trees_pkey",
  ADD CONSTRAINT "ads_trees_pkey" PRIMARY KEY ("user_id", "grant_id"),
  ADD CONSTRAINT "ads_trees_user_id_grant_id_fkey" FOREIGN KEY ("user_id", "grant_id")
    REFERENCES "grants" ("user_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AlterTable refresh_tokens: the ledger of a user is beside the user's grants. '' where no grant names the user: it was deleted, or
-- its consent waits and is not stored yet. Such a token gets its user when it is booked again.
ALTER TABLE "refresh_tokens" ADD COLUMN "user_id" TEXT NOT NULL DEFAULT '';
-- Its indexes are built once, after the rows.
ALTER TABLE "refresh_tokens" DROP CONSTRAINT "refresh_tokens_pkey";
DROP INDEX "refresh_tokens_sequence_key", "refresh_tokens_account_sub_client_sequence_idx", "refresh_tokens_prefix_hash_idx",
  "refresh_tokens_sha512_hash_idx", "refresh_tokens_grant_id_idx", "refresh_tokens_not_ended", "refresh_tokens_of_full_accounts";
UPDATE "refresh_tokens" SET "user_id" = "grants"."user_id" FROM "grants" WHERE "grants"."id" = "grant_id";
CREATE INDEX "refresh_tokens_account_sub_client_sequence_idx" ON "refresh_tokens" ("account_sub", "client", "sequence");
CREATE INDEX "refresh_tokens_prefix_hash_idx" ON "refresh_tokens" ("prefix_hash");
CREATE INDEX "refresh_tokens_sha512_hash_idx" ON "refresh_tokens" ("sha512_hash");
CREATE INDEX "refresh_tokens_grant_id_idx" ON "refresh_tokens" ("grant_id");
CREATE INDEX "refresh_tokens_not_ended" ON "refresh_tokens" ("account_sub", "client", "sequence") WHERE "ended_at" IS NULL;
CREATE INDEX "refresh_tokens_of_full_accounts" ON "refresh_tokens" ("client", "slots_taken") WHERE "ended_at" IS NULL;
ALTER TABLE "refresh_tokens"
  ALTER COLUMN "sequence" SET DEFAULT time_order(),
  ADD CONSTRAINT "refresh_tokens_pkey" PRIMARY KEY ("user_id", "fingerprint");
DROP SEQUENCE "refresh_tokens_sequence_seq";
-- On one server a token is booked once among all users, too.
CREATE UNIQUE INDEX "refresh_tokens_fingerprint_key" ON "refresh_tokens" ("fingerprint") WHERE "fingerprint" IS NOT NULL;

-- AlterTable outbox_events
ALTER TABLE "outbox_events" ADD COLUMN "user_id" TEXT NOT NULL DEFAULT '';
UPDATE "outbox_events" SET "user_id" = coalesce("payload" #>> '{data,user_id}', '');
DROP INDEX "outbox_events_sequence_key";
ALTER TABLE "outbox_events"
  ALTER COLUMN "sequence" SET DEFAULT time_order(),
  DROP CONSTRAINT "outbox_events_pkey",
  ADD CONSTRAINT "outbox_events_pkey" PRIMARY KEY ("user_id", "id");
DROP SEQUENCE "outbox_events_sequence_seq";
CREATE INDEX "outbox_events_id_idx" ON "outbox_events" ("id");

-- AlterTable audit_trail. Its keys stay as they are: an index over the whole trail is built only by `token-broker migrate --distribute`.
-- Its first partition alone had one over the sequence.
ALTER TABLE "audit_trail" ALTER COLUMN "sequence" SET DEFAULT time_order();
-- Gone where the retention has dropped that partition.
DROP INDEX IF EXISTS "audit_events_sequence_key";
DROP SEQUENCE "audit_events_sequence_seq";
