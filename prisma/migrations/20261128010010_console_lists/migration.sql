-- Lists of the console, each read along one of these.
CREATE INDEX "delegated_credentials_newest" ON "delegated_credentials" ("created_at", "id");
-- Those of a service that can still be used are counted here.
CREATE INDEX "delegated_credentials_usable" ON "delegated_credentials" ("service_id", "expires_at") WHERE "revoked_at" IS NULL;
CREATE INDEX "connect_tickets_of_service" ON "connect_tickets" ("service_id", "expires_at", "id");
