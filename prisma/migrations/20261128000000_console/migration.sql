-- The operator's console: docs/console.md.
-- CreateTable
CREATE TABLE "console_sessions" (
    "id" UUID NOT NULL,
    "email" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "console_sessions_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "console_sessions_expires_at_idx" ON "console_sessions"("expires_at");

-- CreateTable
CREATE TABLE "activity_counts" (
    "span" TEXT NOT NULL,
    "starts_at" TIMESTAMPTZ(3) NOT NULL,
    "kind" TEXT NOT NULL,
    "count" BIGINT NOT NULL,

    CONSTRAINT "activity_counts_pkey" PRIMARY KEY ("span","starts_at","kind")
);

-- CreateTable
CREATE TABLE "overview_snapshots" (
    "name" TEXT NOT NULL,
    "claimed_at" TIMESTAMPTZ(3) NOT NULL,
    "taken_at" TIMESTAMPTZ(3),
    "content" JSONB,

    CONSTRAINT "overview_snapshots_pkey" PRIMARY KEY ("name")
);

-- To count grants without their rows.
-- CreateIndex
CREATE INDEX "grants_client_status_idx" ON "grants"("client", "status");
