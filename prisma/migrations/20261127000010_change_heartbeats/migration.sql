-- CreateTable: one row for each replica, written twice a second: src/token-store/change-heartbeats.ts. What is in it is
-- worth nothing after a crash, so it is not written to the write-ahead log.
CREATE UNLOGGED TABLE "change_heartbeats" (
    "replica_id" UUID NOT NULL,
    "heartbeat_id" UUID NOT NULL,
    "sent_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "change_heartbeats_pkey" PRIMARY KEY ("replica_id")
);
ALTER TABLE "change_heartbeats" SET (fillfactor = 50);

-- A heartbeat reaches the replicas as a change does: a row is written, a trigger notifies.
CREATE FUNCTION notify_change_heartbeat() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('token_broker', json_build_object('kind', 'heartbeat', 'id', NEW.heartbeat_id)::text);
  RETURN NULL;
END $$;

CREATE TRIGGER change_heartbeat_sent AFTER INSERT OR UPDATE ON "change_heartbeats"
  FOR EACH ROW EXECUTE FUNCTION notify_change_heartbeat();

-- ALWAYS: also for sessions whose session_replication_role is replica.
ALTER TABLE "change_heartbeats" ENABLE ALWAYS TRIGGER change_heartbeat_sent;
ALTER TABLE "grants" ENABLE ALWAYS TRIGGER grant_came_or_went;
ALTER TABLE "grants" ENABLE ALWAYS TRIGGER grant_changed;
ALTER TABLE "grants" ENABLE ALWAYS TRIGGER grants_emptied;
ALTER TABLE "access_tokens" ENABLE ALWAYS TRIGGER access_tokens_emptied;
ALTER TABLE "services" ENABLE ALWAYS TRIGGER services_changed;
