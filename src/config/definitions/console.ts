import { isSafeAddress } from '../service-issuers.js';
import { integer, list, isOrigin, matches, secret, text } from '../setting.js';

/** An email address, or a domain with @ in front. */
const PEOPLE = matches(
  /^[^\s@,]*@[^\s@,]+$/,
  'must be email addresses or domains such as @example.com, comma separated',
);

/** The operator's console: who may use it, how they sign in, and on which port it is. */
export const CONSOLE_SETTINGS = {
  CONSOLE_OPERATORS: list({
    default: [],
    rule: PEOPLE,
    doc: 'Who may see everything in the console and act there: email addresses, or a domain such as `@example.com`, comma separated.',
    more: 'Without this and `CONSOLE_VIEWERS` there is [no console](console.md).',
    example: 'alice@example.com',
  }),
  CONSOLE_VIEWERS: list({
    default: [],
    rule: PEOPLE,
    doc: 'Who may see everything in the console, and change nothing.',
    more: 'In the same form.',
    example: '@example.com',
  }),
  CONSOLE_GOOGLE_CLIENT: text({
    default: null,
    doc: 'The alias of the client through which they sign in with Google.',
    more: 'Not set: the only one, or `default`. It must list the [redirect URI of the console](console.md#with-google).',
    example: 'default',
  }),
  CONSOLE_ISSUER: text({
    default: null,
    rule: {
      accepts: (value) => isSafeAddress(value) && !value.includes('?'),
      fault: 'must be an https URL without user name, query and fragment (http only for localhost)',
    },
    doc: 'The OpenID Connect issuer with which they sign in, in the place of Google.',
    more: 'See [another issuer](console.md#with-another-issuer).',
    example: 'https://login.example.com',
  }),
  CONSOLE_CLIENT_ID: text({
    default: null,
    doc: 'The client id of the console at `CONSOLE_ISSUER`.',
    example: 'token-broker-console',
  }),
  CONSOLE_CLIENT_SECRET: secret({
    default: null,
    neededWith: 'CONSOLE_ISSUER',
    rule: matches(/^\S+$/, 'must have no spaces'),
    doc: 'Its client secret.',
    more: 'Needed with `CONSOLE_ISSUER`. `CONSOLE_CLIENT_SECRET_FILE` names a file that holds it instead.',
    example: 's3cr3t-of-the-console',
  }),
  ADMIN_PORT: integer({
    default: null,
    min: 1,
    max: 65_535,
    doc: 'A port of its own for `/console`, `/metrics` and `/docs`, which `PORT` then does not serve.',
    more: 'See [a port of its own](console.md#a-port-of-its-own).',
    example: '9000',
  }),
  ADMIN_URL: text({
    default: null,
    rule: {
      accepts: isOrigin,
      fault: 'must be an origin such as https://broker-admin.example.com, without a path',
    },
    doc: 'The origin where browsers reach `ADMIN_PORT`.',
    more: 'Needed for the console on that port.',
    example: 'https://broker-admin.example.com',
  }),
};
