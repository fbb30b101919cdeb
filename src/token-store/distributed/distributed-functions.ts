/**
 * The two statements of a refresh as functions that run at the server of the user: one round trip for each, and a commit of one
 * server. They do what the statements of refresh-lease.repository.ts and save-refresh.ts do on one server, for one input. Times are
 * computed before the UPDATE, which may have none that changes while it runs. Each statement is about one table and one user: a subquery
 * costs the worker more than a statement of its own. Called in no transaction: of one whose COMMIT is lost, the
 * coordinator only warns where all that was changed was changed by a function.
 */
import {
  SAVE_TOKEN_FUNCTION,
  SAVE_TOKEN_TYPES,
  TAKE_LEASE_FUNCTION,
  TAKE_LEASE_TYPES,
} from './distributed-tables.js';

interface DistributedFunction {
  readonly name: string;
  /** The types of its arguments; the first one is the user. */
  readonly types: string;
  readonly sql: string;
}

const take: DistributedFunction = {
  name: TAKE_LEASE_FUNCTION,
  types: TAKE_LEASE_TYPES,
  sql: `
    CREATE OR REPLACE FUNCTION ${TAKE_LEASE_FUNCTION}(asked_user text, asked_owner uuid, asked_ms integer, asked_id uuid,
      asked_version integer, asked_refreshes integer) RETURNS jsonb LANGUAGE plpgsql AS $$
    DECLARE
      at timestamptz := clock_timestamp();
      asked_end timestamptz := at + asked_ms * interval '1 millisecond';
      longest timestamptz := at + interval '15 minutes';
      taken record;
      known bytea;
      macs text[] := '{}';
    BEGIN
      SET LOCAL synchronous_commit = off;
      UPDATE public.grants SET lease_owner = asked_owner, lease_awaited = false, lease_expires_at = asked_end
      WHERE user_id = asked_user AND id = asked_id AND version = asked_version AND refreshes = asked_refreshes
        AND status = 'active' AND coalesce(sealed_refresh_token, sealed_key) IS NOT NULL
        AND (lease_expires_at IS NULL OR lease_expires_at <= at OR lease_expires_at > longest)
      RETURNING coalesce(sealed_refresh_token, sealed_key) AS sealed, credential_version, refresh_failures INTO taken;
      IF NOT FOUND THEN RETURN NULL; END IF;
      FOR known IN SELECT mac FROM public.refresh_tokens
        WHERE user_id = asked_user AND grant_id = asked_id AND current AND mac IS NOT NULL
      LOOP
        macs := macs || encode(known, 'hex');
      END LOOP;
      RETURN jsonb_build_object('owner', asked_owner, 'sealed', taken.sealed,
        'credentialVersion', taken.credential_version, 'failures', taken.refresh_failures, 'ledgerMacs', macs);
    END $$`,
};

const save: DistributedFunction = {
  name: SAVE_TOKEN_FUNCTION,
  types: SAVE_TOKEN_TYPES,
  sql: `
    CREATE OR REPLACE FUNCTION ${SAVE_TOKEN_FUNCTION}(asked_user text, asked_id uuid, asked_version integer, asked_owner uuid,
      asked_now timestamptz, asked_scopes text, asked_sealed text, asked_obtained timestamptz, asked_expires timestamptz,
      asked_replaces boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
    BEGIN
      SET LOCAL synchronous_commit = off;
      UPDATE public.grants SET refreshed_at = asked_now, refreshes = refreshes + 1, refresh_failures = 0,
        lease_owner = NULL, lease_expires_at = NULL, lease_awaited = false
      WHERE user_id = asked_user AND id = asked_id AND version = asked_version AND lease_owner = asked_owner;
      IF NOT FOUND THEN RETURN NULL; END IF;
      INSERT INTO public.access_tokens (user_id, grant_id, scope_set, sealed_token, obtained_at, expires_at, replaces_refused)
      VALUES (asked_user, asked_id, asked_scopes, asked_sealed, asked_obtained, asked_expires, asked_replaces)
      ON CONFLICT (user_id, grant_id, scope_set) DO UPDATE SET sealed_token = excluded.sealed_token,
        obtained_at = excluded.obtained_at, expires_at = excluded.expires_at, replaces_refused = excluded.replaces_refused;
      RETURN jsonb_build_object('owner', asked_owner);
    END $$`,
};

/** Made last of all that a cluster needs: what says that the tables are distributed. */
export const DISTRIBUTED_FUNCTIONS: readonly DistributedFunction[] = [take, save];
