-- For the primary key of audit_trail.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "audit_events_time_id" ON "audit_events" ("at", "id");
