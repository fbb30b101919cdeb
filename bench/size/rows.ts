/** The SQL of the rows that fill.ts inserts. Each statement makes the rows of a range of ordinals; real users come as JSON in $3. */

export const API = 'https://www.googleapis.com/auth/yt-analytics.readonly';
const EMAIL = 'https://www.googleapis.com/auth/userinfo.email';
export const GRANTED = `${EMAIL} ${API} openid`;
/** The time over which the grants came, one after the other. */
export const GRANTED_SECONDS = 300 * 86_400;
/** One in so many users. */
export const DEAD = 50;
export const EXPIRING = 200;
const OUTBOX = 10;
/** Half of the audit events are older. */
export const RETENTION_DAYS = 400;

/** Half of them have expired long enough ago to be deleted. */
const TICKETS = 100;

const REAL = `jsonb_to_recordset($3::jsonb) AS one (ordinal int, id uuid, account text, email text, at timestamptz, sealed text,
  fingerprint text, mac text, access text, obtained timestamptz, expires timestamptz)`;
const ROWS = `FROM generate_series($1::int, $2::int) AS ordinal LEFT JOIN ${REAL} USING (ordinal)`;
const USER = `md5(ordinal::text)::uuid::text`;
const GRANT = `md5('grant' || ordinal)::uuid`;
const ACCOUNT = `'1' || lpad(('x' || left(md5('account' || ordinal), 15))::bit(60)::bigint::text, 20, '0')`;
const IS_DEAD = `ordinal % ${DEAD} = 0`;
const DIAGNOSIS = JSON.stringify({
  cause: 'user_revoked',
  confidence: 'likely',
  who_must_act: 'user',
  google_error: 'invalid_grant',
  google_description: 'Token has been expired or revoked.',
});
/** Not compressible, and not the same in two rows. */
const text = (header: string, bytes: string) =>
  `left(${header} || '..' || ${Array.from({ length: 20 }, (_, part) => `md5('${part}' || ordinal)`).join(' || ')}, ${bytes}::int)`;

export const GRANTS = `
  INSERT INTO grants (id, user_id, client, account_sub, account_email, requested_scopes, granted_scopes, status, diagnosis,
    sealed_refresh_token, credential_version, refresh_token_expires_at, refresh_token_issued_at, created_at, consented_at, refreshed_at,
    version, refreshes)
  SELECT coalesce(id, ${GRANT}), ${USER}, 'default', coalesce(account, ${ACCOUNT}), coalesce(email, 'user' || ordinal || '@example.com'),
    ARRAY['${API}'], string_to_array('${GRANTED}', ' '), CASE WHEN ${IS_DEAD} THEN 'reconnect_required' ELSE 'active' END,
    CASE WHEN ${IS_DEAD} THEN '${DIAGNOSIS}'::jsonb END,
    CASE WHEN NOT ${IS_DEAD} THEN coalesce(sealed, ${text('$4::text', '$5')}) END, CASE WHEN NOT ${IS_DEAD} THEN 1 END,
    CASE WHEN ordinal % ${EXPIRING} = 1 THEN now() + (1 + ordinal % 6) * interval '1 day' + ordinal % 86400 * interval '1 second' END,
    coalesce(at, made), made, coalesce(at, made), now() - ordinal % 3600 * interval '1 second', 1, 24
  ${ROWS}
  CROSS JOIN LATERAL (SELECT date_trunc('milliseconds', now() - interval '301 days' + $6::float8 * ordinal * interval '1 second') AS made) AS times`;

export const ACCESS_TOKENS = `
  INSERT INTO access_tokens (user_id, grant_id, scope_set, sealed_token, obtained_at, expires_at)
  SELECT ${USER}, coalesce(id, ${GRANT}), '${GRANTED}', coalesce(access, ${text('$4::text', '$5')}),
    coalesce(obtained, now()), coalesce(expires, now() + interval '1 hour')
  ${ROWS} WHERE NOT ${IS_DEAD}`;

export const LEDGER = `
  INSERT INTO refresh_tokens (user_id, fingerprint, account_sub, client, grant_id, issued_at, expires_at, last_used_at, ended_at, end_reason,
    slots_taken, prefix_hash, sha512_hash, mac)
  SELECT ${USER}, coalesce(decode(fingerprint, 'hex'), sha256(('f' || ordinal)::bytea)), coalesce(account, ${ACCOUNT}), 'default',
    coalesce(id, ${GRANT}), now(), CASE WHEN id IS NOT NULL THEN at END, now(), CASE WHEN ${IS_DEAD} THEN now() END,
    CASE WHEN ${IS_DEAD} THEN 'user_revoked' END, 1, sha256(('p' || ordinal)::bytea), sha256(('s' || ordinal)::bytea),
    coalesce(decode(mac, 'hex'), sha256(('m' || ordinal)::bytea))
  ${ROWS}`;

/** Delivered: half of them long enough ago to be deleted. */
export const OUTBOX_EVENTS = `
  INSERT INTO outbox_events (user_id, id, type, webhook_id, payload, created_at, next_attempt_at, attempts, delivered_at)
  SELECT ${USER}, 'msg_' || md5('event' || ordinal)::uuid, 'grant.scopes_changed', 'wh_benchmark',
    json_build_object('type', 'grant.scopes_changed', 'timestamp', made, 'data', json_build_object('grant_id', ${GRANT}, 'user_id', ${USER},
      'client', 'default', 'account', json_build_object('sub', ${ACCOUNT}, 'email', 'user' || ordinal || '@example.com'), 'status', 'active',
      'scope', '${GRANTED}')), made, made, 1, made
  FROM generate_series($1::int, $2::int) AS ordinal
  CROSS JOIN LATERAL (SELECT now() - CASE WHEN ordinal % ${2 * OUTBOX} = 0 THEN 31 ELSE 1 END * interval '1 day' AS made) AS times
  WHERE ordinal % ${OUTBOX} = 0`;

export const CONNECT_TICKETS = `
  INSERT INTO connect_tickets (id, service_id, user_id, client, state, grant_id, created_at, ended_at, expires_at, version, sealed_request)
  SELECT md5('ticket' || ordinal), 'h3k9x2mvq7aw', ${USER}, 'default', 'connected', ${GRANT}::text, made, made, made + interval '30 minutes', 4,
    ${text('$3::text', '600')}
  FROM generate_series($1::int, $2::int) AS ordinal
  CROSS JOIN LATERAL (SELECT now() - CASE WHEN ordinal % ${2 * TICKETS} = 0 THEN 25 ELSE 5 END * interval '1 hour' AS made) AS times
  WHERE ordinal % ${TICKETS} = 0`;

export function auditEvents(at: string, ordinals: string): string {
  return `(id, at, last_at, count, action, outcome, actor, service_id, user_id, client, grant_id, request_id, details)
    SELECT md5('audit' || ordinal)::uuid, at, at, 1, 'token.issue', 'ok', 'reports', 'h3k9x2mvq7aw', ${USER}, 'default', ${GRANT}::text,
      md5('request' || ordinal)::uuid::text, '{"scopes": ["${EMAIL}", "${API}", "openid"]}'
    FROM generate_series(${ordinals}) AS ordinal CROSS JOIN LATERAL (SELECT ${at} AS at) AS times`;
}
