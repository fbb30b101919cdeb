-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "grant_status" AS ENUM ('active', 'suspended', 'reconnect_required', 'revoked');

-- CreateTable
CREATE TABLE "authorization_requests" (
    "state_hash" BYTEA NOT NULL,
    "ticket_id" TEXT NOT NULL,
    "wish" JSONB NOT NULL,
    "purpose" TEXT NOT NULL,
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
    "suspended_at" TIMESTAMPTZ(3),
    "sealed_refresh_token" TEXT,
    "refresh_token_expires_at" TIMESTAMPTZ(3),
    "refresh_token_issued_at" TIMESTAMPTZ(3) NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "consented_at" TIMESTAMPTZ(3) NOT NULL,
    "refreshed_at" TIMESTAMPTZ(3),
    "expiry_told_at" TIMESTAMPTZ(3),

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
    "sequence" BIGSERIAL NOT NULL,
    "account_sub" TEXT NOT NULL,
    "client" TEXT NOT NULL,
    "grant_id" UUID,
    "current" BOOLEAN NOT NULL DEFAULT true,
    "issued_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "end_reason" TEXT,
    "prefix_hash" BYTEA NOT NULL,
    "sha512_hash" BYTEA NOT NULL,

    CONSTRAINT "refresh_tokens_pkey" PRIMARY KEY ("fingerprint")
);

-- CreateTable
CREATE TABLE "pending_consents" (
    "code_hash" BYTEA NOT NULL,
    "sealed_consent" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "pending_consents_pkey" PRIMARY KEY ("code_hash")
);

-- CreateTable
CREATE TABLE "services" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "key_hash" BYTEA,
    "issuer" TEXT,
    "subject" TEXT,
    "clients" TEXT[],
    "scopes" TEXT[],
    "users" TEXT[],
    "audit" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "services_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_events" (
    "id" UUID NOT NULL,
    "sequence" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "action" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "service_id" TEXT,
    "user_id" TEXT,
    "client" TEXT,
    "grant_id" TEXT,
    "request_id" TEXT,
    "details" JSONB NOT NULL DEFAULT '{}',

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "outbox_events" (
    "id" TEXT NOT NULL,
    "sequence" BIGSERIAL NOT NULL,
    "type" TEXT NOT NULL,
    "payload" JSON NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "delivered_at" TIMESTAMPTZ(3),
    "abandoned_at" TIMESTAMPTZ(3),
    "last_error" TEXT,

    CONSTRAINT "outbox_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "security_events" (
    "jti" TEXT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "security_events_pkey" PRIMARY KEY ("jti")
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
CREATE UNIQUE INDEX "refresh_tokens_sequence_key" ON "refresh_tokens"("sequence");

-- CreateIndex
CREATE INDEX "refresh_tokens_account_sub_client_sequence_idx" ON "refresh_tokens"("account_sub", "client", "sequence");

-- CreateIndex
CREATE INDEX "refresh_tokens_prefix_hash_idx" ON "refresh_tokens"("prefix_hash");

-- CreateIndex
CREATE INDEX "refresh_tokens_sha512_hash_idx" ON "refresh_tokens"("sha512_hash");

-- CreateIndex
CREATE INDEX "refresh_tokens_grant_id_idx" ON "refresh_tokens"("grant_id");

-- CreateIndex
CREATE INDEX "pending_consents_expires_at_idx" ON "pending_consents"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "services_name_key" ON "services"("name");

-- CreateIndex
CREATE UNIQUE INDEX "audit_events_sequence_key" ON "audit_events"("sequence");

-- CreateIndex
CREATE INDEX "audit_events_at_idx" ON "audit_events"("at");

-- CreateIndex
CREATE INDEX "audit_events_user_id_at_idx" ON "audit_events"("user_id", "at");

-- CreateIndex
CREATE INDEX "audit_events_service_id_at_idx" ON "audit_events"("service_id", "at");

-- CreateIndex
CREATE UNIQUE INDEX "outbox_events_sequence_key" ON "outbox_events"("sequence");

-- CreateIndex
CREATE INDEX "outbox_events_delivered_at_abandoned_at_next_attempt_at_idx" ON "outbox_events"("delivered_at", "abandoned_at", "next_attempt_at");

-- CreateIndex
CREATE INDEX "security_events_received_at_idx" ON "security_events"("received_at");

-- AddForeignKey
ALTER TABLE "access_tokens" ADD CONSTRAINT "access_tokens_grant_id_fkey" FOREIGN KEY ("grant_id") REFERENCES "grants"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "refresh_tokens" ADD CONSTRAINT "refresh_tokens_grant_id_fkey" FOREIGN KEY ("grant_id") REFERENCES "grants"("id") ON DELETE SET NULL ON UPDATE CASCADE;
