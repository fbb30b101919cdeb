-- Rights for what a service does. Services that are there get none of them: an operator makes new ones that have them.
ALTER TABLE "services"
  ADD COLUMN "disconnect" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "force" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "revoke" BOOLEAN NOT NULL DEFAULT false;

-- When a grant dies if nobody does anything: src/domain/forecast.ts, so that lists are read in this order from an index.
-- An app in Testing is known by a setting, so both answers are kept. The last use counts by its day (UTC): a refresh
-- changes an index once a day, not each time, and stays an update in place until then.
ALTER TABLE "grants"
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
    ) END) STORED;

-- For GET /grants?expiring_within=: each client's grants, those that die first at the front.
CREATE INDEX "grants_expiry" ON "grants" ("client", "expires_at", "id") WHERE "expires_at" IS NOT NULL;
CREATE INDEX "grants_expiry_in_testing" ON "grants" ("client", "expires_at_in_testing", "id")
  WHERE "expires_at_in_testing" IS NOT NULL;

-- For GET /users/:userId/grants, and for the users of a policy: exact ids and prefixes are ranges in collation "C".
CREATE INDEX "grants_of_users" ON "grants" ("user_id" COLLATE "C", "created_at", "id") WHERE "user_id" IS NOT NULL;

-- Emails are compared without case, of ASCII letters only, as src/domain/account.ts does.
CREATE INDEX "grants_account_email" ON "grants" (lower("account_email" COLLATE "C"), "client");
CREATE INDEX "grants_account_sub" ON "grants" ("account_sub") WHERE "account_sub" IS NOT NULL;

-- For service-account list.
CREATE INDEX "grants_of_service_accounts" ON "grants" ("created_at", "id") WHERE "kind" = 'service_account';

-- The slot ledger: only tokens that have not ended count.
CREATE INDEX "refresh_tokens_not_ended" ON "refresh_tokens" ("account_sub", "client", "sequence") WHERE "ended_at" IS NULL;

-- How many slots of its account were taken once a token was booked; the newest living token of a full account has the
-- limit here or more. Of tokens that are there it is counted now; a broker of before books the highest, and that is
-- looked into.
ALTER TABLE "refresh_tokens" ADD COLUMN "slots_taken" INTEGER NOT NULL DEFAULT 1;
UPDATE "refresh_tokens" SET "slots_taken" = counted.place
FROM (
  SELECT "fingerprint", row_number() OVER (PARTITION BY "account_sub", "client" ORDER BY "sequence") AS place
  FROM "refresh_tokens" WHERE "ended_at" IS NULL
) counted
WHERE "refresh_tokens"."fingerprint" = counted."fingerprint" AND counted.place > 1;
ALTER TABLE "refresh_tokens" ALTER COLUMN "slots_taken" SET DEFAULT 2147483647;
CREATE INDEX "refresh_tokens_of_full_accounts" ON "refresh_tokens" ("client", "slots_taken") WHERE "ended_at" IS NULL;

-- The audit trail is read in the order of time, then of writing; of all, of a user or users, of a service.
CREATE INDEX "audit_events_order" ON "audit_events" ("at", "sequence");
CREATE INDEX "audit_events_of_users" ON "audit_events" ("user_id" COLLATE "C", "at", "sequence") WHERE "user_id" IS NOT NULL;
CREATE INDEX "audit_events_of_service" ON "audit_events" ("service_id", "at", "sequence");
DROP INDEX "audit_events_at_idx";
DROP INDEX "audit_events_user_id_at_idx";
DROP INDEX "audit_events_service_id_at_idx";

-- What is due first is at the front, however much waits.
CREATE INDEX "outbox_events_due" ON "outbox_events" ("next_attempt_at", "sequence")
  WHERE "delivered_at" IS NULL AND "abandoned_at" IS NULL;
