-- AlterTable. While a revocation is under way, status is 'suspended': a version before this one gives no token then either.
ALTER TABLE "grants" ADD COLUMN "revocation_id" UUID,
ADD COLUMN "revoking_from" "grant_status";

-- CreateTable
CREATE TABLE "revocations" (
    "id" UUID NOT NULL,
    "grant_id" UUID NOT NULL,
    "consented_at" TIMESTAMPTZ(3) NOT NULL,
    "account_sub" TEXT NOT NULL,
    "clients" TEXT[],
    "sealed_token" TEXT,
    "requested_by" JSONB NOT NULL,
    "begun_at" TIMESTAMPTZ(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 1,
    "attempt_id" UUID,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL,
    "first_sequence" BIGINT NOT NULL,
    "last_sequence" BIGINT NOT NULL,
    "confirmed" BOOLEAN NOT NULL DEFAULT false,
    "finished_at" TIMESTAMPTZ(3),
    "outcome" TEXT,

    CONSTRAINT "revocations_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "revocations_account_sub_idx" ON "revocations"("account_sub");

-- CreateIndex
CREATE INDEX "revocations_grant_id_idx" ON "revocations"("grant_id");

-- What every replica looks for each second. Prisma's language has no word for an index over part of the rows.
CREATE INDEX "revocations_unfinished" ON "revocations"("next_attempt_at") WHERE "finished_at" IS NULL;
