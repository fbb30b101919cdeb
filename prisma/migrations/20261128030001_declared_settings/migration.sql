-- What `token-broker apply` keeps that was a setting of each process before: issuers of workload JWTs, and clients' settings.
-- A row has a MAC: an issuer that was added past the broker would name every service.
CREATE TABLE "declared_settings" (
    "kind" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "content" JSONB NOT NULL,
    "mac" BYTEA NOT NULL,

    CONSTRAINT "declared_settings_pkey" PRIMARY KEY ("kind","name")
);

CREATE TRIGGER declared_settings_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON "declared_settings"
  FOR EACH STATEMENT EXECUTE FUNCTION notify_change('services');
ALTER TABLE "declared_settings" ENABLE ALWAYS TRIGGER declared_settings_changed;
