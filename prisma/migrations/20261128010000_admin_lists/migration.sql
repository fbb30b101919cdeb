-- Lists for operators: each reads along one of these, page by page. docs/scaling.md has what they cost.
-- Grants, the newest first: all, by status, by client, by account. None of these columns changes with a refresh, so that
-- one stays an update in place. Lists of all rows are in an order of their own (NULLS LAST, where there is no NULL): without
-- it PostgreSQL would read such an index for a filtered list too, and go through the whole table for a rare value.
CREATE INDEX "grants_newest" ON "grants" ("created_at" DESC NULLS LAST, "id" DESC NULLS LAST);
CREATE INDEX "grants_of_status" ON "grants" ("status", "created_at", "id");
CREATE INDEX "grants_of_client" ON "grants" ("client", "created_at", "id");
-- Most grants are active: those of a client that are not are found here.
CREATE INDEX "grants_inactive_of_client" ON "grants" ("client", "status", "created_at", "id") WHERE "status" <> 'active';
CREATE INDEX "grants_revoking" ON "grants" ("created_at", "id") WHERE "revocation_id" IS NOT NULL;

-- Each serves the equality that the index in its place did, too.
CREATE INDEX "grants_of_account" ON "grants" ("account_sub", "created_at", "id");
DROP INDEX "grants_account_sub";
CREATE INDEX "grants_of_email" ON "grants" (lower("account_email" COLLATE "C"), "created_at", "id");
DROP INDEX "grants_account_email";

-- The events of one grant, without what happens all the time: tokens that were issued, and refreshes that went well.
CREATE INDEX "audit_events_of_grants" ON "audit_events" ("grant_id", "at", "sequence")
  WHERE "grant_id" IS NOT NULL AND "action" <> 'token.issue'
    AND ("action" <> 'token.refresh' OR "outcome" <> 'ok' OR jsonb_exists("details", 'refused'));

-- Events of one action, but for those that most events have: these are found along the time.
CREATE INDEX "audit_events_of_actions" ON "audit_events" ("action", "at" DESC NULLS LAST, "sequence" DESC NULLS LAST)
  WHERE "action" NOT IN ('token.issue', 'token.refresh');

-- Webhooks by state and by type, the newest first.
CREATE INDEX "outbox_events_newest" ON "outbox_events" ("created_at" DESC NULLS LAST, "sequence" DESC NULLS LAST);
CREATE INDEX "outbox_events_waiting" ON "outbox_events" ("created_at", "sequence")
  WHERE "delivered_at" IS NULL AND "abandoned_at" IS NULL;
CREATE INDEX "outbox_events_abandoned" ON "outbox_events" ("created_at", "sequence") WHERE "abandoned_at" IS NOT NULL;
CREATE INDEX "outbox_events_of_type" ON "outbox_events" ("type", "created_at", "sequence");

CREATE INDEX "delegated_credentials_of_user" ON "delegated_credentials" ("user_id", "created_at", "id");
CREATE INDEX "connect_tickets_open_of_user" ON "connect_tickets" ("user_id", "created_at") WHERE "ended_at" IS NULL;
CREATE INDEX "services_created" ON "services" ("created_at", "id");

-- CreateTable. Apart from the services: their rows have a MAC over every column, and each change of one is published.
CREATE TABLE "service_usage" (
    "service_id" TEXT NOT NULL,
    "hour" TIMESTAMPTZ(3) NOT NULL,
    "calls" BIGINT NOT NULL,

    CONSTRAINT "service_usage_pkey" PRIMARY KEY ("service_id","hour")
);
CREATE INDEX "service_usage_hour_idx" ON "service_usage"("hour");
