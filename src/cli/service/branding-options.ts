import { resolve } from 'node:path';
import type { Command } from 'commander';
import {
  brandingDetails,
  type BrandingField,
  LOGO_RULE,
  logoAddress,
  type ServiceBranding,
} from '../../domain/access/service-branding.js';
import { type BrokerError, invalidRequest } from '../../domain/errors.js';
import type { BrandingChanges } from '../../services/branding-registry.js';
import { EXIT, Failure, wrongUsage } from '../shared/failure.js';
import { readLogoFile } from '../shared/logo-file.js';

/** How a service shows itself to users, on the command line. An empty value removes what is there. */
export interface BrandingOptions {
  readonly displayName?: string;
  readonly logo?: string;
  readonly colour?: string;
  readonly privacy?: string;
  readonly support?: string;
}

export const BRANDING_HELP = `
What users see: --display-name, --logo, --colour, --privacy, --support. Pages
show the name in place of the service's, the logo beside it, buttons in the
colour, and the links below. A logo is an https URL, which the browsers of users
load, or a PNG, JPEG or WebP file of at most 64 KiB, which the broker serves.`;

export function addBrandingOptions(command: Command): Command {
  return command
    .option('--display-name <name>', 'the name that users see: 1 to 60 characters of any script')
    .option('--logo <url-or-file>', 'an https URL, or a PNG, JPEG or WebP file')
    .option('--colour <#rrggbb>', 'of the buttons; the text on them is black or white')
    .option('--privacy <url>', 'the privacy policy of the app')
    .option('--support <url>', 'where users of the app get help');
}

/** @returns what is to change; null where no option names anything */
export function readBranding({
  displayName,
  logo,
  colour,
  privacy,
  support,
}: BrandingOptions): BrandingChanges | null {
  const changes: BrandingChanges = {
    ...(displayName === undefined ? {} : { displayName: displayName || null }),
    ...(logo === undefined ? {} : { logo: readLogo(logo) }),
    ...(colour === undefined ? {} : { colour: colour.toLowerCase() || null }),
    ...(privacy === undefined ? {} : { privacyUrl: privacy || null }),
    ...(support === undefined ? {} : { supportUrl: support || null }),
  };
  return Object.keys(changes).length > 0 ? changes : null;
}

/** As `--json` prints it. */
export function brandingAsJson(branding: ServiceBranding): object {
  return brandingDetails(branding, logoAddress(branding));
}

const OPTION_NAMES: Readonly<Record<BrandingField, string>> = {
  display_name: 'display-name',
  logo: 'logo',
  colour: 'colour',
  privacy_url: 'privacy',
  support_url: 'support',
};

/** A refusal that names fields, with the options in their place. */
export function wrongOptions({ detail, extensions }: BrokerError): Failure {
  const { errors } = extensions;
  if (typeof errors !== 'object' || errors === null) return wrongUsage(detail);
  const names: Readonly<Record<string, string>> = OPTION_NAMES;
  const byOption = Object.entries(errors).map(([field, message]) => [names[field] ?? field, String(message)]);
  return wrongUsage(invalidRequest(Object.fromEntries(byOption) as Record<string, string>).detail);
}

/** A URL stays one, whatever its scheme: the registry refuses what is not https. */
function readLogo(logo: string): NonNullable<BrandingChanges['logo']> | null {
  if (logo === '') return null;
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(logo)) return logo;
  const path = resolve(logo);
  const file = readLogoFile(path);
  if (file.kind === 'read') return file.bytes;
  if (file.kind === 'unfit') throw wrongUsage(`logo: ${LOGO_RULE} ${path} ${file.why}.`);
  throw new Failure(
    EXIT.fileMissing,
    'logo_file_missing',
    `The logo cannot be read from ${path} (${file.code}). Name a PNG, JPEG or WebP file, or an https URL.`,
  );
}
