/** A logo in a file of declarations is the image itself, as a `data:` URL (RFC 2397). Owns no rule of logos (domain/access/). */
import { type LogoType, logoTypeOf, MAX_LOGO_BYTES } from '../domain/access/service-face.js';

const DATA = /^data:[a-z/+.-]+;base64,([A-Za-z0-9+/]+={0,2})$/;

export interface ReadLogo {
  readonly type: LogoType;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** @returns null for what is no image that the broker serves, such as an https URL */
export function readLogo(logo: string): ReadLogo | null {
  const [, base64] = DATA.exec(logo) ?? [];
  if (base64 === undefined) return null;
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'));
  const type = bytes.length > MAX_LOGO_BYTES ? null : logoTypeOf(bytes);
  return type && { type, bytes };
}
