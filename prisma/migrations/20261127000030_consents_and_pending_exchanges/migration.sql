-- AlterTable
ALTER TABLE "authorization_requests" ADD COLUMN "included_granted" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "refresh_tokens" ADD COLUMN "account_verified" BOOLEAN NOT NULL DEFAULT true;

-- CreateTable
CREATE TABLE "pending_exchanges" (
    "id" UUID NOT NULL,
    "sealed_exchange" TEXT NOT NULL,
    "code_hash" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "pending_exchanges_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "pending_exchanges_code_hash_key" ON "pending_exchanges"("code_hash");

-- CreateIndex
CREATE INDEX "pending_exchanges_next_attempt_at_idx" ON "pending_exchanges"("next_attempt_at");

-- Grants of before may hold what the account granted another user of the same Google Cloud project. What was never asked
-- for this one goes, with the access tokens that cover it; the refresh token stays, and is narrowed with each use.
WITH "wide" AS (
  UPDATE "grants" SET "version" = "version" + 1, "granted_scopes" = ARRAY(
    SELECT "scope" FROM unnest("granted_scopes") AS "scope"
    WHERE "scope" = ANY ("requested_scopes" || '{openid,https://www.googleapis.com/auth/userinfo.email}'::text[]))
  WHERE "kind" = 'user'
    AND NOT "granted_scopes" <@ ("requested_scopes" || '{openid,https://www.googleapis.com/auth/userinfo.email}'::text[])
  RETURNING "id")
DELETE FROM "access_tokens" WHERE "grant_id" IN (SELECT "id" FROM "wide");
