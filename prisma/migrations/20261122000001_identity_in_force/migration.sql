-- A workload identity belongs to one service in force; a revoked one gives it up. Prisma's language has no word for
-- an index over part of the rows, so this stands in a migration of its own.
CREATE UNIQUE INDEX "services_identity_in_force" ON "services"("issuer", "subject") WHERE "revoked_at" IS NULL;
