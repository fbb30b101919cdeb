/** Google's endpoints, by the names under which requests are counted and faults injected. */
export const endpoints = [
  'authorize',
  'token',
  'revoke',
  'certs',
  'tokeninfo',
  'userinfo',
  'reports',
  'risc_configuration',
  'risc',
  'ads',
] as const;

export type Endpoint = (typeof endpoints)[number];
