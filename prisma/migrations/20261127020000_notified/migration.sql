-- Functions that notify are called so. Triggers hold them by their oid, and the check of the triggers reads their body: a
-- replica of the version before notices nothing.
ALTER FUNCTION tell_grant_change() RENAME TO notify_grant_change;
ALTER FUNCTION tell_change() RENAME TO notify_change;

-- The expiry that was notified. The former column stays for replicas of the version before, which read and write it; a
-- notice that such a replica sends from now on may be sent a second time. A later migration drops it.
ALTER TABLE "grants" ADD COLUMN "expiry_notified_at" TIMESTAMPTZ(3);
UPDATE "grants" SET "expiry_notified_at" = "expiry_told_at" WHERE "expiry_told_at" IS NOT NULL;
