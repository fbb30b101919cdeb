/** GET /.well-known/risc-configuration: who signs security events. Google's issuer ends in a slash here, and only here. */
import type { Google } from '../google.js';
import { type EndpointResponse, json } from '../response.js';

export const riscIssuer = ({ url }: Google): string => `${url}/`;

export const riscConfiguration = (google: Google): EndpointResponse =>
  json(
    200,
    {
      issuer: riscIssuer(google),
      jwks_uri: `${google.url}/oauth2/v3/certs`,
      delivery_methods_supported: ['https://schemas.openid.net/secevent/risc/delivery-method/push'],
      configuration_endpoint: `${google.url}/v1beta/stream`,
    },
    { 'cache-control': 'public, max-age=60', pragma: '' },
  );
