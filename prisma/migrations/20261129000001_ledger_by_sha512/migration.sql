-- As the one over prefix_hash.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "refresh_tokens_of_sha512" ON "refresh_tokens" USING hash ("sha512_hash");
