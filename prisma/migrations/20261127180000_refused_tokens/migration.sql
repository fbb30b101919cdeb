-- AlterTable
ALTER TABLE "access_tokens" ADD COLUMN "replaces_refused" BOOLEAN NOT NULL DEFAULT false;
