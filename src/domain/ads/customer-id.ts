/**
 * A Google Ads customer id: ten digits for people, written `123-456-7890`; a 64-bit number for the API, without dashes.
 * @returns its digits, or null where the text is none
 */
export function customerIdOf(text: string): string | null {
  const digits = /^(?:customers\/)?(\d{1,19}|\d{3}-\d{3}-\d{4})$/.exec(text)?.[1];
  return digits?.replaceAll('-', '') ?? null;
}
