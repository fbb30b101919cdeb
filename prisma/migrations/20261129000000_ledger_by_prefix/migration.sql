-- Only compared whole: an index of hashes holds four bytes of each value, where the one it replaces holds all 32.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "refresh_tokens_of_prefix" ON "refresh_tokens" USING hash ("prefix_hash");
