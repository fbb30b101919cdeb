/** Where a person goes on after the sign-in: a page of the console, and nothing else that a link could name. */
const HOME = '/console';
const MAX_LENGTH = 2000;
/** Of no origin: what a path resolves to shows whether it leaves. */
const BASE = 'http://console.invalid';

export function returnPathOf(given: unknown): string {
  if (typeof given !== 'string' || given.length > MAX_LENGTH || !URL.canParse(given, BASE)) return HOME;
  const { origin, pathname, search } = new URL(given, BASE);
  const isPage = pathname === HOME || pathname.startsWith(`${HOME}/`);
  const isSignIn = pathname.startsWith(`${HOME}/sign-in`) || pathname === `${HOME}/callback`;
  return origin === BASE && isPage && !isSignIn ? `${pathname}${search}` : HOME;
}

/** @param path where to go on; null: nowhere in particular */
export function signInAddress(path: string | null): string {
  const to = returnPathOf(path);
  return to === HOME ? '/console/sign-in' : `/console/sign-in?${new URLSearchParams({ to })}`;
}
