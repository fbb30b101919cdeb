import { parse } from 'tldts';

/** Whether a host ends in a top-level domain that the public suffix list has in its ICANN part. */
export function hasPublicSuffix(host: string): boolean {
  return parse(host, { extractHostname: false, validateHostname: false }).isIcann ?? false;
}
