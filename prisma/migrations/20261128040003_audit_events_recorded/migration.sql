-- The order of the export, as on audit_trail.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "audit_events_recorded" ON "audit_events" (COALESCE("recorded_at", "at"), "id");
