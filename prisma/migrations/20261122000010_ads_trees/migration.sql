-- CreateTable
CREATE TABLE "ads_trees" (
    "grant_id" UUID NOT NULL,
    "tree" JSONB NOT NULL,
    "synced_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "ads_trees_pkey" PRIMARY KEY ("grant_id")
);

-- AddForeignKey
ALTER TABLE "ads_trees" ADD CONSTRAINT "ads_trees_grant_id_fkey" FOREIGN KEY ("grant_id") REFERENCES "grants"("id") ON DELETE CASCADE ON UPDATE CASCADE;

