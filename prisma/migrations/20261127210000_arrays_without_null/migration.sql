-- A NULL in an array cannot be read as a list of texts: each call that read the row would fail. NOT VALID: a row that has one
-- already does not stop the migration.
ALTER TABLE "grants"
  ADD CONSTRAINT "grants_scopes_without_null"
  CHECK (array_position("requested_scopes", NULL) IS NULL AND array_position("granted_scopes", NULL) IS NULL) NOT VALID;

ALTER TABLE "services"
  ADD CONSTRAINT "services_policy_without_null"
  CHECK (
    array_position("clients", NULL) IS NULL AND array_position("scopes", NULL) IS NULL AND array_position("users", NULL) IS NULL
  ) NOT VALID;

ALTER TABLE "revocations"
  ADD CONSTRAINT "revocations_clients_without_null" CHECK (array_position("clients", NULL) IS NULL) NOT VALID;

ALTER TABLE "delegated_credentials"
  ADD CONSTRAINT "delegated_credentials_scopes_without_null" CHECK (array_position("scopes", NULL) IS NULL) NOT VALID;
