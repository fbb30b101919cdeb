-- With refresh_tokens_not_ended, each token is in one index by account: before, those that have not ended were in two.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "refresh_tokens_ended" ON "refresh_tokens" ("account_sub", "client", "sequence")
  WHERE "ended_at" IS NOT NULL;
