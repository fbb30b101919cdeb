/** The identity of a caller at its platform, which policies refer to. */
export interface WorkloadIdentity {
  /** The JWT's `iss`, or `spiffe://` and the trust domain. */
  readonly issuer: string;
  readonly subject: string;
}

/** An issuer of JWTs that the broker trusts to name workloads. */
export interface ServiceIssuer {
  /** The name that policies use for it, as WorkloadIdentity has it. */
  readonly name: string;
  readonly kind: 'issuer' | 'trust-domain';
  /** The audience that its tokens must name. */
  readonly audience: string;
  readonly keys:
    | { readonly from: 'discovery' }
    | { readonly from: 'address'; readonly uri: string }
    | { readonly from: 'file'; readonly path: string };
}

const SUBJECT = /^[\x21-\x7e]{1,2048}$/;
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)+)$/;

export const SUBJECT_RULE = 'must be 1 to 2048 characters of printable ASCII, without spaces.';

export function isSubject(text: unknown): text is string {
  return typeof text === 'string' && SUBJECT.test(text);
}

export function isTrustDomain(text: string): boolean {
  return TRUST_DOMAIN.test(text);
}

/** How policies name a trust domain in the place of an issuer. */
export function nameOfTrustDomain(domain: string): string {
  return `spiffe://${domain}`;
}

/** @returns the trust domain that has this name; null for the `iss` of an issuer */
export function trustDomainNamed(name: string): string | null {
  const [, domain = null] = /^spiffe:\/\/(.*)$/s.exec(name) ?? [];
  return domain;
}

/** @returns `spiffe://` and the trust domain of a workload's SPIFFE ID (SPIFFE-ID section 2); null for what is none */
export function trustDomainOf(subject: string): string | null {
  const [, domain, path = ''] = SPIFFE_ID.exec(subject) ?? [];
  const hasDots = path.split('/').some((segment) => segment === '.' || segment === '..');
  return domain === undefined || hasDots || subject.length > 2048 ? null : nameOfTrustDomain(domain);
}

/** Three parts of base64url: RFC 7515 section 7.1. */
export function looksLikeJwt(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text);
}
