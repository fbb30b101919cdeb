-- For ON CONFLICT (id) of versions before this one, in place of the primary key.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "audit_events_id" ON "audit_events" ("id");
