-- A change of a webhook or a setting notifies by its own kind: by that of services, replicas also dropped what they had cached for each
-- caller. A replica of the version before takes a kind that it does not know for a change of everything. Replaced, not dropped: a trigger
-- is there at each moment, also where the statements are run one by one.
CREATE OR REPLACE TRIGGER webhooks_changed AFTER INSERT OR UPDATE OF "sealed_secrets" OR DELETE OR TRUNCATE ON "webhooks"
  FOR EACH STATEMENT EXECUTE FUNCTION notify_change('webhooks');
ALTER TABLE "webhooks" ENABLE ALWAYS TRIGGER webhooks_changed;

CREATE OR REPLACE TRIGGER declared_settings_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON "declared_settings"
  FOR EACH STATEMENT EXECUTE FUNCTION notify_change('settings');
ALTER TABLE "declared_settings" ENABLE ALWAYS TRIGGER declared_settings_changed;
