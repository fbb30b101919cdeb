/**
 * Google's guide: while an external app is in Testing, a consent and its refresh token last seven days,
 * unless only the sign-in scopes were requested.
 */
import type { Settings } from './google.js';
import { isSignIn } from './scopes.js';

const sevenDays = 7 * 24 * 60 * 60 * 1000;

/** In milliseconds; undefined where they do not expire. */
export const testingLifetime = (settings: Settings, scopes: string[]): number | undefined =>
  settings.testingMode && !scopes.every(isSignIn) ? sevenDays : undefined;
