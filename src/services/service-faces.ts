import { Injectable } from '@nestjs/common';
import {
  faceDetails,
  faceErrors,
  LOGO_RULE,
  logoTypeOf,
  MAX_LOGO_BYTES,
  NO_FACE,
  type ServiceFace,
  type ServiceLogo,
} from '../domain/access/service-face.js';
import { invalidRequest } from '../domain/errors.js';
import { Clock } from '../domain/ports/clock.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { logoHashOf, ServiceFacesRepository } from '../token-store/services/service-faces.repository.js';
import { ServicesRepository } from '../token-store/services/services.repository.js';

/** What is to change; null removes it, and what is absent stays. */
export type FaceChanges = Partial<Omit<ServiceFace, 'logo'>> & {
  /** An https URL, or the content of a file. */
  readonly logo?: string | Uint8Array<ArrayBuffer> | null;
};

export interface UpdatedService {
  readonly id: string;
  readonly name: string;
  readonly face: ServiceFace;
}

/** Changes how services show themselves to users, for the operator. */
@Injectable()
export class ServiceFaces {
  constructor(
    private readonly services: ServicesRepository,
    private readonly faces: ServiceFacesRepository,
    private readonly clock: Clock,
    private readonly audit: AuditLog,
  ) {}

  /** @throws {BrokerError} `invalid_request`, by field */
  assertValid(changes: FaceChanges): void {
    faceAfter(NO_FACE, changes);
  }

  /**
   * @returns null when no active service has this name or id
   * @throws {BrokerError} `invalid_request`, by field
   */
  async update(idOrName: string, changes: FaceChanges): Promise<UpdatedService | null> {
    const named = await this.services.findNamed(idOrName);
    // Only a row that the broker wrote gets a face that the broker signs.
    const service = named && (await this.services.find(named.id));
    if (!service || service.revokedAt) return null;
    const { id, name } = service;
    const face = faceAfter((await this.faces.find(id)) ?? NO_FACE, changes);
    await this.faces.save(id, face, changes.logo instanceof Uint8Array ? changes.logo : null);
    const { logo, ...texts } = face;
    const shownLogo = logo?.kind === 'file' ? logo.hash : (logo?.url ?? null);
    this.audit.record({
      at: this.clock.now(),
      action: 'service.update',
      outcome: 'ok',
      actor: 'operator',
      serviceId: id,
      details: { name, ...faceDetails(texts, shownLogo) },
    });
    await this.audit.flushCommitted([null]);
    return { id, name, face };
  }
}

function faceAfter(before: ServiceFace, { logo, ...texts }: FaceChanges): ServiceFace {
  const logoAfter = logo === undefined ? before.logo : logo === null ? null : readLogo(logo);
  const face: ServiceFace = { ...before, ...texts, logo: logoAfter };
  const errors = faceErrors(face);
  if (Object.keys(errors).length > 0) throw invalidRequest(errors);
  return face;
}

function readLogo(logo: string | Uint8Array): ServiceLogo {
  if (typeof logo === 'string') return { kind: 'url', url: logo };
  const type = logo.length > MAX_LOGO_BYTES ? null : logoTypeOf(logo);
  if (type === null) throw invalidRequest({ logo: LOGO_RULE });
  return { kind: 'file', hash: logoHashOf(logo), type };
}
