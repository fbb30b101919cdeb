/**
 * What a person has to know beside a credentials file: the lines that a library's own configuration needs, and what a
 * library cannot do, with the alternative. Owns these texts. Does not own the files (credential-formats.ts). docs/libraries.md
 * has the same by language.
 */
import type { FileKind, Reader } from './credential-formats.js';

/** The lines of a Google Ads library's own configuration. `token-broker client-config` writes the whole file. */
const ADS_LINES: Partial<Record<Reader, readonly string[]>> = {
  'google-ads-python': [
    'google-ads.yaml has, in place of client_id, client_secret and refresh_token:',
    '  use_application_default_credentials: true',
    '  use_proto_plus: true',
    'With load_from_env(): GOOGLE_ADS_USE_APPLICATION_DEFAULT_CREDENTIALS=true and GOOGLE_ADS_USE_PROTO_PLUS=true.',
    'Releases that still want a developer_token take any text, such as the one that you have.',
  ],
  'google-ads-java': [
    'ads.properties has, in place of clientId, clientSecret and refreshToken:',
    '  api.googleads.useApplicationDefaultCredentials=true',
  ],
  'google-ads-php': [
    'google_ads_php.ini has no clientId, clientSecret, refreshToken and jsonKeyFilePath in [OAUTH2]: without them the library,',
    'since December 2025, takes application default credentials.',
  ],
  'google-ads-ruby': [
    'google_ads_config.rb has, in place of client_id, client_secret and refresh_token:',
    '  c.use_application_default_credentials = true',
  ],
  'google-ads-dotnet': [
    'App.config has in <GoogleAdsApi>, in place of OAuth2ClientId, OAuth2ClientSecret and OAuth2RefreshToken:',
    '  <add key="UseApplicationDefaultCredentials" value="true" />',
    'Since release 16 the library reads that file with the package Google.Ads.GoogleAds.Extensions and, in the program,',
    'config.LoadFromDefaultAppConfigSection().',
  ],
};

const KIND_NOTES: Record<FileKind, readonly string[]> = {
  external_account: [
    'Read by google-auth for Python, Node.js, Java, PHP, Ruby, Go, .NET, C++ and Rust. Dart reads no such file: call',
    'GET /tokens there.',
  ],
  external_account_authorized_user: [
    "Read by google-auth for Python, Node.js, Java, Go, .NET, and PHP since 2026. Ruby's googleauth does not know the type: use",
    '--for external_account, or `token-broker sidecar`.',
  ],
  authorized_user: [
    'Only Go (golang.org/x/oauth2/google), C++, Rust and, since 2025, Java read its token_uri. Python, Node.js, .NET, PHP and',
    'Ruby send the credential to Google, which refuses it: use --for external_account_authorized_user, or external_account for',
    'Ruby.',
  ],
  rclone: [
    'The remote is called broker: `rclone ls broker:`. rclone writes its access tokens into this file, so it must be writable.',
  ],
};

const READER_NOTES: Partial<Record<Reader, readonly string[]>> = {
  gcloud: [
    '`gcloud auth login` takes no such file. Where a release does not know the property auth/credential_file_override, set',
    'CLOUDSDK_AUTH_ACCESS_TOKEN_FILE to the file of `token-broker sidecar --token-file`.',
  ],
  'google-ads-ruby': [
    "Ruby's googleauth shows only the status of a refusal: GET /tokens/USER with the service's key says why, with the link for",
    'the user, or `token-broker ticket create` makes one.',
  ],
};

/** @param tokenUrl where libraries ask */
export function notesFor(
  reader: Reader,
  kind: FileKind,
  tokenUrl: string,
  scopes: readonly string[],
): readonly string[] {
  const isAds = reader.startsWith('google-ads-');
  return [
    ...(ADS_LINES[reader] ?? (reader === 'gcloud' ? [] : KIND_NOTES[kind])),
    ...(READER_NOTES[reader] ?? []),
    ...(reader === 'google-ads-java' || (!isAds && kind === 'external_account') ? javaNotes(tokenUrl) : []),
    ...(scopes.length > 0 && kind === 'external_account' ? [SCOPES_IN_CODE] : []),
  ];
}

export function javaNotes(tokenUrl: string): readonly string[] {
  return tokenUrl.startsWith('http:') ? [JAVA_WANTS_HTTPS] : [];
}

const JAVA_WANTS_HTTPS =
  "Java's google-auth refuses a token_url without https: reach the broker by https, or use `token-broker sidecar`.";
const SCOPES_IN_CODE =
  'Only Node.js and Rust read scopes from the file; name them in the code of other languages.';
