/*
 * Branding in a file of declarations, where a logo that the broker serves is the image itself, as a `data:` URL (RFC 2397). Owns the two
 * directions; no rule of branding (domain/access/).
 */
import { NO_BRANDING, type ServiceBranding, type ServiceLogo } from '../domain/access/service-branding.js';
import { logoOf } from '../services/branding-registry.js';
import type { BrandingWithLogo } from '../token-store/services/service-branding.repository.js';

export interface DeclaredBranding extends Omit<ServiceBranding, 'logo'> {
  /** An https URL, or a `data:` URL with the image. */
  readonly logo: string | null;
}

/** What is stored of a service, as a file would declare it. */
export function declaredBrandingOf(stored: BrandingWithLogo | undefined): DeclaredBranding {
  const { logo, ...texts } = stored?.branding ?? NO_BRANDING;
  if (logo?.kind !== 'file') return { ...texts, logo: logo?.url ?? null };
  return { ...texts, logo: stored?.bytes ? dataUrl(logo.type, stored.bytes) : null };
}

/** What a file declares, as it is stored: with the image, where the file has it. */
export function storedBrandingOf({ logo, ...texts }: DeclaredBranding): BrandingWithLogo {
  const read = logo === null ? null : readLogo(logo);
  return { branding: { ...texts, logo: read?.logo ?? null }, bytes: read?.bytes ?? null };
}

/** What is not an image counts as a URL, which brandingErrors refuses if it is not one. */
export function readLogo(declared: string): {
  readonly logo: ServiceLogo;
  readonly bytes: BrandingWithLogo['bytes'];
} {
  const bytes = bytesOf(declared);
  const image = bytes && logoOf(bytes);
  return image ? { logo: image, bytes } : { logo: { kind: 'url', url: declared }, bytes: null };
}

const DATA = /^data:[a-z/+.-]+;base64,([A-Za-z0-9+/]+={0,2})$/;

function bytesOf(url: string): BrandingWithLogo['bytes'] {
  const [, base64] = DATA.exec(url) ?? [];
  return base64 === undefined ? null : new Uint8Array(Buffer.from(base64, 'base64'));
}

export function dataUrl(type: string, bytes: Uint8Array): string {
  return `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;
}
