import type { Locale } from './locale.js';

/** How an app shows itself to its users. */
export interface AppBranding {
  readonly name: string;
  /** An address for `src`: one of the broker's own, or the app's. */
  readonly logo: string | null;
  /** #rrggbb */
  readonly colour: string | null;
  readonly privacyUrl: string | null;
  readonly supportUrl: string | null;
}

/** What a page needs in addition to its facts: whose page it is, and for whom it is written. */
export interface PageContext<App extends AppBranding | null = AppBranding> {
  readonly locale: Locale;
  /** Null where no connect is known. */
  readonly app: App;
  /** The address in the app to return to, with how the connect ended; null where the app named none. */
  readonly backUrl: string | null;
  /** Of which forms say that they are; null or left out where there are no cells. */
  readonly cell?: string | null;
}

/** An app that is known by its name only. */
export function plainBranding(name: string): AppBranding {
  return { name, logo: null, colour: null, privacyUrl: null, supportUrl: null };
}
