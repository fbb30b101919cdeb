-- Reads every row, while others read and write.
ALTER TABLE "audit_events" VALIDATE CONSTRAINT "audit_events_ends";
