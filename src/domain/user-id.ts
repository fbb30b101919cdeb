/**
 * The caller's own user id: opaque to us, but it travels in URLs, logs and policies, so it is kept to
 * 1-200 unreserved characters (RFC 3986 section 2.3) and `: @ +`, which covers UUIDs, emails and prefixed ids.
 */
const USER_ID = /^[A-Za-z0-9][A-Za-z0-9._~:@+-]{0,199}$/;

export function isUserId(value: string): boolean {
  return USER_ID.test(value);
}

export const USER_ID_RULE =
  'must be 1 to 200 letters, digits or . _ ~ : @ + - and start with a letter or digit.';
