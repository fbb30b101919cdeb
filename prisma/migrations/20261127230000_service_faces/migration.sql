-- CreateTable
CREATE TABLE "service_faces" (
    "service_id" TEXT NOT NULL,
    "display_name" TEXT,
    "logo_url" TEXT,
    "logo" BYTEA,
    "logo_type" TEXT,
    "logo_hash" TEXT,
    "colour" TEXT,
    "privacy_url" TEXT,
    "support_url" TEXT,
    "mac" BYTEA NOT NULL,

    CONSTRAINT "service_faces_pkey" PRIMARY KEY ("service_id")
);

-- CreateIndex
CREATE INDEX "service_faces_logo_hash_idx" ON "service_faces"("logo_hash");

-- AddForeignKey
ALTER TABLE "service_faces" ADD CONSTRAINT "service_faces_service_id_fkey" FOREIGN KEY ("service_id") REFERENCES "services"("id") ON DELETE CASCADE ON UPDATE CASCADE;
