-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "grant_status" AS ENUM ('active', 'reconnect_required', 'revoked');

-- CreateTable
CREATE TABLE "authorization_requests" (
    "state_hash" BYTEA NOT NULL,
    "ticket_id" TEXT NOT NULL,
    "service_id" TEXT NOT NULL,
    "service_name" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "client" TEXT NOT NULL,
    "scopes" TEXT[],
    "account_hint" TEXT,
    "require_account" JSONB,
    "return_to" TEXT,
    "forced_consent" BOOLEAN NOT NULL,
    "sealed_verifier" TEXT NOT NULL,
    "nonce_hash" BYTEA NOT NULL,
    "browser_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "consumed_at" TIMESTAMPTZ(3),

    CONSTRAINT "authorization_requests_pkey" PRIMARY KEY ("state_hash")
);

-- CreateTable
CREATE TABLE "grants" (
    "id" UUID NOT NULL,
    "user_id" TEXT NOT NULL,
    "client" TEXT NOT NULL,
    "account_sub" TEXT NOT NULL,
    "account_email" TEXT,
    "requested_scopes" TEXT[],
    "granted_scopes" TEXT[],
    "status" "grant_status" NOT NULL,
    "diagnosis" JSONB,
    "sealed_refresh_token" TEXT,
    "refresh_token_expires_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "consented_at" TIMESTAMPTZ(3) NOT NULL,
    "refreshed_at" TIMESTAMPTZ(3),

    CONSTRAINT "grants_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "access_tokens" (
    "grant_id" UUID NOT NULL,
    "scope_set" TEXT NOT NULL,
    "sealed_token" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "access_tokens_pkey" PRIMARY KEY ("grant_id","scope_set")
);

-- CreateTable
CREATE TABLE "refresh_tokens" (
    "fingerprint" BYTEA NOT NULL,
    "account_sub" TEXT NOT NULL,
    "client" TEXT NOT NULL,
    "grant_id" UUID,
    "issued_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "end_reason" TEXT,

    CONSTRAINT "refresh_tokens_pkey" PRIMARY KEY ("fingerprint")
);

-- CreateTable
CREATE TABLE "services" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "key_hash" BYTEA NOT NULL,
    "clients" TEXT[],
    "scopes" TEXT[],
    "users" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "services_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "authorization_requests_ticket_id_key" ON "authorization_requests"("ticket_id");

-- CreateIndex
CREATE INDEX "authorization_requests_expires_at_idx" ON "authorization_requests"("expires_at");

-- CreateIndex
CREATE INDEX "grants_client_account_sub_idx" ON "grants"("client", "account_sub");

-- CreateIndex
CREATE UNIQUE INDEX "grants_user_id_client_account_sub_key" ON "grants"("user_id", "client", "account_sub");

-- CreateIndex
CREATE INDEX "refresh_tokens_account_sub_client_issued_at_idx" ON "refresh_tokens"("account_sub", "client", "issued_at");

-- CreateIndex
CREATE INDEX "refresh_tokens_grant_id_idx" ON "refresh_tokens"("grant_id");

-- CreateIndex
CREATE UNIQUE INDEX "services_name_key" ON "services"("name");

-- AddForeignKey
ALTER TABLE "access_tokens" ADD CONSTRAINT "access_tokens_grant_id_fkey" FOREIGN KEY ("grant_id") REFERENCES "grants"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "refresh_tokens" ADD CONSTRAINT "refresh_tokens_grant_id_fkey" FOREIGN KEY ("grant_id") REFERENCES "grants"("id") ON DELETE SET NULL ON UPDATE CASCADE;
