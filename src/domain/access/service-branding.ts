import { isDisplayText } from '../text.js';

/** How a service shows itself to users. Owns which names, logos, colours and links are accepted. */
export interface ServiceBranding {
  readonly displayName: string | null;
  readonly logo: ServiceLogo | null;
  /** #rrggbb, in lower case. */
  readonly colour: string | null;
  readonly privacyUrl: string | null;
  readonly supportUrl: string | null;
}

/** An image of the app's own server; or one that the broker serves, by the hash of its content. */
export type ServiceLogo =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'file'; readonly hash: string; readonly type: LogoType };

/** Where a browser loads it: an absolute URL, or a path of the broker. */
export function logoAddress({ logo }: Pick<ServiceBranding, 'logo'>): string | null {
  if (logo === null) return null;
  return logo.kind === 'url' ? logo.url : `/logos/${logo.hash}`;
}

/** What the audit trail has of it: its URL, or the hash of its content. */
export function auditedLogo(logo: ServiceLogo): string {
  return logo.kind === 'url' ? logo.url : logo.hash;
}

export const NO_BRANDING: ServiceBranding = {
  displayName: null,
  logo: null,
  colour: null,
  privacyUrl: null,
  supportUrl: null,
};

/** The parts of branding by their names in a file of declarations; the audit trail and `--json` have them too. */
export const BRANDING_FIELDS = ['display_name', 'logo', 'colour', 'privacy_url', 'support_url'] as const;

export type BrandingField = (typeof BRANDING_FIELDS)[number];

/** @param logo its address or hash, or what the file has */
export function brandingDetails(
  { displayName, colour, privacyUrl, supportUrl }: Omit<ServiceBranding, 'logo'>,
  logo: string | null,
): Readonly<Record<BrandingField, string | null>> {
  return { display_name: displayName, logo, colour, privacy_url: privacyUrl, support_url: supportUrl };
}

export const MAX_LOGO_BYTES = 64 * 1024;

/**
 * The formats of a logo that the broker serves, by how their files begin. No SVG: opened by its own address it is a document
 * that can run scripts under the broker's origin.
 */
const LOGO_TYPES = [
  { type: 'image/png', isOf: (bytes: Uint8Array) => begins(bytes, 0, '\x89PNG\r\n\x1a\n') },
  { type: 'image/jpeg', isOf: (bytes: Uint8Array) => begins(bytes, 0, '\xff\xd8\xff') },
  {
    type: 'image/webp',
    isOf: (bytes: Uint8Array) => begins(bytes, 0, 'RIFF') && begins(bytes, 8, 'WEBP'),
  },
] as const;

export type LogoType = (typeof LOGO_TYPES)[number]['type'];

/** @returns the media type by the content, whatever the file is called; null for any other */
export function logoTypeOf(bytes: Uint8Array): LogoType | null {
  return LOGO_TYPES.find(({ isOf }) => isOf(bytes))?.type ?? null;
}

export const LOGO_RULE = 'must be an https URL, or a PNG, JPEG or WebP file of at most 64 KiB.';

/** What is wrong, by field. */
export function brandingErrors({
  displayName,
  logo,
  colour,
  privacyUrl,
  supportUrl,
}: ServiceBranding): Readonly<Partial<Record<BrandingField, string>>> {
  const errors: Partial<Record<BrandingField, string>> = {};
  if (displayName !== null && !isDisplayText(displayName, 60)) {
    errors.display_name =
      'must be 1 to 60 characters of any script, one of them a letter, number or symbol, without invisible ones, and no space at its ends.';
  }
  if (logo?.kind === 'url' && !isWebAddress(logo.url)) errors.logo = LOGO_RULE;
  if (colour !== null && !/^#[0-9a-f]{6}$/.test(colour)) errors.colour = 'must be #rrggbb, such as #1a56c4.';
  for (const [name, url] of [
    ['privacy_url', privacyUrl],
    ['support_url', supportUrl],
  ] as const) {
    if (url !== null && !isWebAddress(url)) errors[name] = 'must be an https URL of at most 500 characters.';
  }
  return errors;
}

/** https only: pages are loaded by https, and a logo or a link by http would be changed on its way. */
function isWebAddress(url: string): boolean {
  if (!isDisplayText(url, 500) || !URL.canParse(url)) return false;
  const { protocol, username, password } = new URL(url);
  return protocol === 'https:' && username === '' && password === '';
}

function begins(bytes: Uint8Array, at: number, signature: string): boolean {
  return Array.from(signature).every((character, index) => bytes[at + index] === character.charCodeAt(0));
}
