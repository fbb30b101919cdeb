-- CreateTable
CREATE TABLE "delegated_credentials" (
    "id" TEXT NOT NULL,
    "secret_hash" BYTEA,
    "service_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "client" TEXT,
    "account" TEXT,
    "scopes" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "mac" BYTEA NOT NULL,

    CONSTRAINT "delegated_credentials_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "delegated_credentials_service_id_created_at_id_idx" ON "delegated_credentials"("service_id", "created_at", "id");

-- AddForeignKey
ALTER TABLE "delegated_credentials" ADD CONSTRAINT "delegated_credentials_service_id_fkey" FOREIGN KEY ("service_id") REFERENCES "services"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Where those that ended are found, to be deleted.
CREATE INDEX "delegated_credentials_ended" ON "delegated_credentials" (LEAST("revoked_at", "expires_at"));

-- Every replica is notified of a change of a credential that it may have cached. A new one is in no cache.
CREATE FUNCTION notify_credential_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('token_broker', json_build_object('kind', 'credential', 'id', OLD.id)::text);
  RETURN NULL;
END $$;

-- The time of its last use decides nothing.
CREATE TRIGGER delegated_credential_changed AFTER UPDATE ON "delegated_credentials"
  FOR EACH ROW WHEN ((to_jsonb(OLD) - 'last_used_at') IS DISTINCT FROM (to_jsonb(NEW) - 'last_used_at'))
  EXECUTE FUNCTION notify_credential_change();

CREATE TRIGGER delegated_credential_deleted AFTER DELETE ON "delegated_credentials"
  FOR EACH ROW EXECUTE FUNCTION notify_credential_change();

CREATE TRIGGER delegated_credentials_emptied AFTER TRUNCATE ON "delegated_credentials"
  FOR EACH STATEMENT EXECUTE FUNCTION notify_change('everything');

ALTER TABLE "delegated_credentials" ENABLE ALWAYS TRIGGER delegated_credential_changed;
ALTER TABLE "delegated_credentials" ENABLE ALWAYS TRIGGER delegated_credential_deleted;
ALTER TABLE "delegated_credentials" ENABLE ALWAYS TRIGGER delegated_credentials_emptied;
