import { type ConfigurationValues, settingLines } from './configuration-values.js';

/** google_ads_config.rb, which is Ruby code. */
export function googleAdsConfigRb(values: ConfigurationValues): string {
  const lines = settingLines(
    [
      ['client_id', values.clientId],
      ['client_secret', values.clientSecret],
      ['refresh_token', values.refreshToken],
      ['developer_token', values.developerToken],
      ['login_customer_id', values.loginCustomerId],
      ['linked_customer_id', values.linkedCustomerId],
    ],
    (name, value) => `  c.${name} = ${quoted(value)}`,
  );
  return ['# encoding: utf-8', 'Google::Ads::GoogleAds::Config.new do |c|', ...lines, 'end', ''].join('\n');
}

/** Between single quotes Ruby puts no values in: only the quote and the backslash mean something. */
function quoted(value: string): string {
  return `'${value.replace(/['\\]/g, '\\$&')}'`;
}
