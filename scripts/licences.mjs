// `npm run licences`: the licence of each package that the broker is shipped with, as package-lock.json has it. Ends with 1 where one is
// not on the list below, or is not named.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** They ask for nothing but that they are kept; the image keeps them, in node_modules. */
const ALLOWED = [
  'MIT',
  'MIT-0',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'Python-2.0',
];

/** As the image is built: `npm ci --omit=dev --omit=optional`. */
export function isShipped(path, { dev, optional, devOptional, link }) {
  return path !== '' && !dev && !optional && !devOptional && !link;
}

/** @returns `name@version`, by licence */
export function licences(lockfile) {
  const byLicence = {};
  for (const [path, entry] of Object.entries(lockfile.packages)) {
    if (!isShipped(path, entry)) continue;
    const { version, license = 'none named' } = entry;
    (byLicence[license] ??= new Set()).add(`${path.split('node_modules/').at(-1)}@${version}`);
  }
  return byLicence;
}

/** An expression of SPDX in which each part is allowed, or one of a choice. */
export function isAllowed(licence) {
  const parts = licence.replaceAll(/[()]/g, '').split(' OR ');
  return parts.some((part) => part.split(' AND ').every((each) => ALLOWED.includes(each)));
}

if (import.meta.filename === process.argv[1]) {
  const lockfile = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package-lock.json'), 'utf8'));
  for (const [licence, packages] of Object.entries(licences(lockfile)).sort()) {
    console.log(`${licence}\n  ${[...packages].sort().join('\n  ')}`);
    if (isAllowed(licence)) continue;
    console.error(`${licence} is not on the list of scripts/licences.mjs.`);
    process.exitCode = 1;
  }
}
