-- CreateTable
CREATE TABLE "connect_tickets" (
    "id" TEXT NOT NULL,
    "service_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "client" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "reason" TEXT,
    "grant_id" TEXT,
    "request_id" TEXT,
    "secret_hash" BYTEA,
    "browser_hash" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "opened_at" TIMESTAMPTZ(3),
    "started_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "exchanging_until" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL,
    "sealed_request" TEXT NOT NULL,

    CONSTRAINT "connect_tickets_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "connect_tickets_expires_at_idx" ON "connect_tickets"("expires_at");

-- Where those are found whose time is over.
CREATE INDEX "connect_tickets_open" ON "connect_tickets" ("expires_at") WHERE "ended_at" IS NULL;

-- A service waits for the outcome at any replica. A new ticket is not awaited yet.
CREATE FUNCTION notify_ticket_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('token_broker', json_build_object('kind', 'ticket', 'id', OLD.id)::text);
  RETURN NULL;
END $$;

CREATE TRIGGER connect_ticket_changed AFTER UPDATE ON "connect_tickets"
  FOR EACH ROW WHEN (OLD."version" IS DISTINCT FROM NEW."version")
  EXECUTE FUNCTION notify_ticket_change();

ALTER TABLE "connect_tickets" ENABLE ALWAYS TRIGGER connect_ticket_changed;
