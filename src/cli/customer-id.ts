import { EXIT, Failure } from './failure.js';

/**
 * A Google Ads customer id, as people write it (123-456-7890) or as the API wants it (1234567890).
 * @returns the ten digits
 * @throws {Failure} for anything else
 */
export function readCustomerId(option: string): (value: string) => string {
  return (value) => {
    if (/^(\d{10}|\d{3}-\d{3}-\d{4})$/.test(value)) return value.replaceAll('-', '');
    throw new Failure(
      EXIT.wrongUsage,
      'wrong_usage',
      `Wrong usage: ${option} takes a customer id of ten digits, such as 123-456-7890 or 1234567890.`,
    );
  };
}
