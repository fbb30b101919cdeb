/** A Google Ads customer id as callers write it: `1234567890`, or `123-456-7890` as the Google Ads pages show it. */
export const CUSTOMER_ID = /^(\d{1,19}|\d{3}-\d{3}-\d{4})$/;

/**
 * Reads a customer id, or the API's resource name of one (`customers/1234567890`). It is a 64-bit number without dashes
 * for the API.
 * @returns its digits; null for any other text
 */
export function customerIdOf(text: string): string | null {
  const id = text.replace(/^customers\//, '');
  return CUSTOMER_ID.test(id) ? id.replaceAll('-', '') : null;
}
