-- The right to import grants. Services that are there do not have it.
ALTER TABLE "services" ADD COLUMN "import" BOOLEAN NOT NULL DEFAULT false;

-- A refresh token that another system obtained: when Google issued it is not known. Former versions write neither column;
-- after a consent there, "imported_at" differs from "refresh_token_issued_at" and says nothing any more.
ALTER TABLE "grants" ADD COLUMN "imported_at" TIMESTAMPTZ(3);
ALTER TABLE "refresh_tokens" ADD COLUMN "age_unknown" BOOLEAN NOT NULL DEFAULT false;
