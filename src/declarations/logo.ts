/** A logo in a file of declarations is the image itself, as a `data:` URL (RFC 2397). Owns no rule of logos (domain/access/). */
import {
  type LogoType,
  logoTypeOf,
  MAX_LOGO_BYTES,
  NO_BRANDING,
  type ServiceBranding,
} from '../domain/access/service-branding.js';
import { logoHashOf } from '../token-store/services/service-branding.repository.js';
import { type DeclaredBranding, NO_DECLARED_BRANDING } from './declaration.js';

const DATA = /^data:[a-z/+.-]+;base64,([A-Za-z0-9+/]+={0,2})$/;

export interface ReadLogo {
  readonly type: LogoType;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** @returns null for what is not an image that the broker serves, such as an https URL */
export function readLogo(logo: string): ReadLogo | null {
  const [, base64] = DATA.exec(logo) ?? [];
  if (base64 === undefined) return null;
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'));
  const type = bytes.length > MAX_LOGO_BYTES ? null : logoTypeOf(bytes);
  return type && { type, bytes };
}

/** What the pages show of a service, and the image where the declaration has it. */
export function brandingOf(declared: DeclaredBranding): {
  readonly branding: ServiceBranding;
  readonly file: Uint8Array<ArrayBuffer> | null;
} {
  const { logo, ...texts } = { ...NO_DECLARED_BRANDING, ...declared };
  const read = logo === null ? null : readLogo(logo);
  const branding: ServiceBranding = {
    ...NO_BRANDING,
    ...texts,
    logo: read
      ? { kind: 'file', hash: logoHashOf(read.bytes), type: read.type }
      : logo === null
        ? null
        : { kind: 'url', url: logo },
  };
  return { branding, file: read?.bytes ?? null };
}
