-- Webhooks are rows: several, each with its filters and its secret.
CREATE TABLE "webhooks" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "events" TEXT[],
    "services" TEXT[],
    "sealed_secrets" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "disabled_at" TIMESTAMPTZ(3),
    "disabled_reason" TEXT,
    "failing_since" TIMESTAMPTZ(3),

    CONSTRAINT "webhooks_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "webhooks_filters_without_null"
      CHECK (array_position("events", NULL) IS NULL AND array_position("services", NULL) IS NULL)
);
CREATE UNIQUE INDEX "webhooks_name_key" ON "webhooks"("name");

-- An event is for one webhook; each that takes it has a row. Those of the version before have none: nothing is sent for them.
ALTER TABLE "outbox_events" ADD COLUMN "webhook_id" TEXT;

-- What is due, by webhook: one that does not answer has many that wait.
CREATE INDEX "outbox_events_of_webhook" ON "outbox_events" ("webhook_id", "next_attempt_at", "sequence")
  WHERE "delivered_at" IS NULL AND "abandoned_at" IS NULL;

-- Each change of a webhook seals its secrets again; that it fails, and since when, is no change of it.
CREATE TRIGGER webhooks_changed AFTER INSERT OR UPDATE OF "sealed_secrets" OR DELETE OR TRUNCATE ON "webhooks"
  FOR EACH STATEMENT EXECUTE FUNCTION notify_change('services');
ALTER TABLE "webhooks" ENABLE ALWAYS TRIGGER webhooks_changed;
