import type { IncomingHttpHeaders } from 'node:http';

/** A request to an endpoint, independent of any web framework. */
export type Parameters = Record<string, string | string[] | undefined>;

export interface Incoming {
  method: string;
  /** Path and query, as the client sent them. */
  url: string;
  query: Parameters;
  form: Parameters;
  authorization: string | undefined;
  cookie: string | undefined;
  /** Of a browser, with a form: where its page is from. */
  site: Pick<IncomingHttpHeaders, 'origin' | 'sec-fetch-site'>;
  /** A header of the Google Ads API. */
  loginCustomerId: string | undefined;
}

export const bearerToken = (incoming: Incoming): string | undefined =>
  /^Bearer +(\S+)$/i.exec(incoming.authorization ?? '')?.[1];

/** RFC 6749 section 3.1: no parameter may come twice; one without a value counts as left out. */
export function singleValues(
  parameters: Parameters,
  refuse: (description: string) => Error,
): Partial<Record<string, string>> {
  const single: Partial<Record<string, string>> = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (Array.isArray(value)) throw refuse(`OAuth 2 parameters can only have a single value: ${name}`);
    if (value) single[name] = value;
  }
  return single;
}
