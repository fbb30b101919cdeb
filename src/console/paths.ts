/**
 * Where pages of the console are: paths that others link to, with their parameters, and where a person continues after the sign-in. Does
 * not own which page answers there: each controller says so.
 */
const HOME = '/console';

export const userPath = (userId: string): string => `/console/users/${encodeURIComponent(userId)}`;
export const grantPath = (grantId: string): string => `/console/grants/${encodeURIComponent(grantId)}`;
export const ticketPath = (id: string): string => `/console/tickets/${encodeURIComponent(id)}`;
export const linkPath = (userId: string): string => `${userPath(userId)}/link`;

/** A path with those parameters that have a value. */
export function pathWith(path: string, parameters: Readonly<Record<string, string | null>>): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== null);
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

/** The next page of a list; null on the last. */
export function nextPath(
  path: string,
  parameters: Readonly<Record<string, string | null>>,
  cursor: string | null,
): string | null {
  return cursor === null ? null : pathWith(path, { ...parameters, cursor });
}

const MAX_RETURN_LENGTH = 2000;
/** Of no origin: what a path resolves to shows whether it leaves. */
const BASE = 'http://console.invalid';

/** Where a person continues after the sign-in: a page of the console, and nothing else that a link could name. */
export function returnPathOf(given: unknown): string {
  if (typeof given !== 'string' || given.length > MAX_RETURN_LENGTH || !URL.canParse(given, BASE))
    return HOME;
  const { origin, pathname, search } = new URL(given, BASE);
  const isPage = pathname === HOME || pathname.startsWith(`${HOME}/`);
  const isSignIn = pathname.startsWith(`${HOME}/sign-in`) || pathname === `${HOME}/callback`;
  return origin === BASE && isPage && !isSignIn ? `${pathname}${search}` : HOME;
}

/** @param path where to continue; null: nowhere in particular */
export function signInAddress(path: string | null): string {
  const to = returnPathOf(path);
  return to === HOME ? '/console/sign-in' : `/console/sign-in?${new URLSearchParams({ to })}`;
}
