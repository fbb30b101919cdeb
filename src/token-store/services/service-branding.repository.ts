import { hash, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  type LogoType,
  logoTypeOf,
  type ServiceBranding,
  type ServiceLogo,
} from '../../domain/access/service-branding.js';
import { IntegrityReporter, WRONG_MAC } from '../../domain/ports/reporters.js';
import { Sealer } from '../../sealing/sealer.js';
import { Database } from '../client/database.js';
import type { Prisma } from '../prisma-client/client.js';
import { canonical } from '../sealed/aad.js';

type Bytes = Uint8Array<ArrayBuffer>;

export interface BrandingWithLogo {
  readonly branding: ServiceBranding;
  /** Null where the logo is none that the broker serves. */
  readonly bytes: Bytes | null;
}

interface Columns {
  readonly serviceId: string;
  readonly displayName: string | null;
  readonly logoUrl: string | null;
  readonly logoType: string | null;
  readonly logoHash: string | null;
  readonly colour: string | null;
  readonly privacyUrl: string | null;
  readonly supportUrl: string | null;
}

const SIGNED = {
  serviceId: true,
  displayName: true,
  logoUrl: true,
  logoType: true,
  logoHash: true,
  colour: true,
  privacyUrl: true,
  supportUrl: true,
} as const;

/**
 * The branding of services: what users see of the app that asks. Each row has a MAC: one that was written outside the broker, to make a
 * service look like another, is not shown, and raises an alarm. Does not own what it may be (domain/access/).
 */
@Injectable()
export class ServiceBrandingRepository {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly reporter: IntegrityReporter,
  ) {}

  /** @returns null where a service has none, or the row is not as the broker wrote it */
  async find(serviceId: string): Promise<ServiceBranding | null> {
    const row = await this.database.serviceBranding.findUnique({
      where: { serviceId },
      select: { ...SIGNED, mac: true },
    });
    if (!row) return null;
    const { mac, ...columns } = row;
    return this.#isSigned(columns, mac) ? fromColumns(columns) : null;
  }

  /**
   * @param file the content of the logo, where it is one that the broker serves; null keeps the stored one of the same hash
   */
  async save(
    serviceId: string,
    branding: ServiceBranding,
    file: Bytes | null,
    client: Prisma.TransactionClient = this.database,
  ): Promise<void> {
    const columns = toColumns(serviceId, branding);
    const logo = branding.logo?.kind === 'file' ? (file ? { logo: file } : {}) : { logo: null };
    const data = { ...columns, ...logo, mac: this.#macOf(columns) };
    await client.serviceBranding.upsert({ where: { serviceId }, create: data, update: data });
  }

  /** Those of all services, with the logos that the broker serves: for an export. */
  async all(client: Prisma.TransactionClient): Promise<ReadonlyMap<string, BrandingWithLogo>> {
    const rows = await client.serviceBranding.findMany({ select: { ...SIGNED, mac: true, logo: true } });
    const verified = rows.filter(({ mac, logo: _, ...columns }) => this.#isSigned(columns, mac));
    return new Map(
      verified.map(({ mac: _, logo, ...columns }) => [
        columns.serviceId,
        { branding: fromColumns(columns), bytes: logo },
      ]),
    );
  }

  /** A logo by its hash; null where there is none, or its bytes are others. */
  async findLogo(logoHash: string): Promise<{ readonly type: LogoType; readonly bytes: Bytes } | null> {
    const row = await this.database.serviceBranding.findFirst({
      where: { logoHash },
      select: { ...SIGNED, mac: true, logo: true },
    });
    if (!row?.logo) return null;
    const { mac, logo, ...columns } = row;
    const type = logoTypeOf(logo);
    const isWhole = logoHashOf(logo) === logoHash && type !== null && type === columns.logoType;
    return isWhole && this.#isSigned(columns, mac) ? { type, bytes: logo } : null;
  }

  #macOf(columns: Columns): Bytes {
    // The table's name, as in every MAC: prisma/schema.prisma says why it is not the code's word.
    return this.sealer.mac(canonical(columns), 'service_faces');
  }

  #isSigned(columns: Columns, mac: Uint8Array): boolean {
    const expected = this.#macOf(columns);
    if (mac.length === expected.length && timingSafeEqual(mac, expected)) return true;
    this.reporter.report({
      kind: 'branding',
      id: columns.serviceId,
      reason: WRONG_MAC,
    });
    return false;
  }
}

/** The address of a logo: its content, so that a browser may keep it for good. */
export function logoHashOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

function toColumns(serviceId: string, { logo, ...branding }: ServiceBranding): Columns {
  return {
    serviceId,
    ...branding,
    logoUrl: logo?.kind === 'url' ? logo.url : null,
    logoType: logo?.kind === 'file' ? logo.type : null,
    logoHash: logo?.kind === 'file' ? logo.hash : null,
  };
}

function fromColumns({ displayName, colour, privacyUrl, supportUrl, ...columns }: Columns): ServiceBranding {
  return { displayName, colour, privacyUrl, supportUrl, logo: logoFromColumns(columns) };
}

function logoFromColumns({ logoUrl, logoHash, logoType }: Partial<Columns>): ServiceLogo | null {
  if (logoUrl != null) return { kind: 'url', url: logoUrl };
  return logoHash == null ? null : { kind: 'file', hash: logoHash, type: logoType as LogoType };
}
