-- CreateEnum
CREATE TYPE "grant_kind" AS ENUM ('user', 'service_account');

-- AlterTable
ALTER TABLE "grants" ADD COLUMN "kind" "grant_kind" NOT NULL DEFAULT 'user',
ADD COLUMN "sealed_key" TEXT,
ADD COLUMN "subject" TEXT;

-- A person holds no key, a service account no refresh token.
ALTER TABLE "grants" ADD CONSTRAINT "grants_one_credential"
  CHECK (CASE kind WHEN 'user' THEN sealed_key IS NULL ELSE sealed_refresh_token IS NULL END);
