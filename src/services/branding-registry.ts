import { Injectable } from '@nestjs/common';
import {
  auditedLogo,
  brandingDetails,
  brandingErrors,
  LOGO_RULE,
  logoTypeOf,
  MAX_LOGO_BYTES,
  NO_BRANDING,
  type ServiceBranding,
  type ServiceLogo,
} from '../domain/access/service-branding.js';
import { invalidRequest } from '../domain/errors.js';
import { Clock } from '../domain/ports/clock.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import {
  logoHashOf,
  ServiceBrandingRepository,
} from '../token-store/services/service-branding.repository.js';
import { ServicesRepository } from '../token-store/services/services.repository.js';

/** What is to change; null removes it, and what is absent stays. */
export type BrandingChanges = Partial<Omit<ServiceBranding, 'logo'>> & {
  /** An https URL, or the content of a file. */
  readonly logo?: string | Uint8Array<ArrayBuffer> | null;
};

export interface UpdatedService {
  readonly id: string;
  readonly name: string;
  readonly branding: ServiceBranding;
}

/** Changes how services show themselves to users, for the operator. */
@Injectable()
export class BrandingRegistry {
  constructor(
    private readonly services: ServicesRepository,
    private readonly branding: ServiceBrandingRepository,
    private readonly clock: Clock,
    private readonly audit: AuditLog,
  ) {}

  /** @throws {BrokerError} `invalid_request`, by BrandingField */
  assertValid(changes: BrandingChanges): void {
    brandingAfter(NO_BRANDING, changes);
  }

  /**
   * @returns null when no active service has this name or id
   * @throws {BrokerError} `invalid_request`, by BrandingField
   */
  async update(idOrName: string, changes: BrandingChanges): Promise<UpdatedService | null> {
    const named = await this.services.findNamed(idOrName);
    // Only a row that the broker wrote gets branding that the broker signs.
    const service = named && (await this.services.find(named.id));
    if (!service || service.revokedAt) return null;
    const { id, name } = service;
    const branding = brandingAfter((await this.branding.find(id)) ?? NO_BRANDING, changes);
    await this.branding.save(id, branding, changes.logo instanceof Uint8Array ? changes.logo : null);
    const { logo, ...texts } = branding;
    this.audit.record({
      at: this.clock.now(),
      action: 'service.update',
      outcome: 'ok',
      actor: 'operator',
      serviceId: id,
      details: { name, ...brandingDetails(texts, logo && auditedLogo(logo)) },
    });
    await this.audit.flushCommitted([null]);
    return { id, name, branding };
  }
}

function brandingAfter(before: ServiceBranding, { logo, ...texts }: BrandingChanges): ServiceBranding {
  const logoAfter = logo === undefined ? before.logo : logo === null ? null : logoOf(logo);
  const isUnfit = logo instanceof Uint8Array && logoAfter === null;
  const branding: ServiceBranding = { ...before, ...texts, logo: logoAfter };
  const errors = { ...brandingErrors(branding), ...(isUnfit ? { logo: LOGO_RULE } : {}) };
  if (Object.keys(errors).length > 0) throw invalidRequest(errors);
  return branding;
}

/**
 * @param given its URL, or the content of a file
 * @returns null for a file that is no logo; whether a URL may be one is in brandingErrors
 */
export function logoOf(given: string | Uint8Array): ServiceLogo | null {
  if (typeof given === 'string') return { kind: 'url', url: given };
  const type = given.length > MAX_LOGO_BYTES ? null : logoTypeOf(given);
  return type && { kind: 'file', hash: logoHashOf(given), type };
}
