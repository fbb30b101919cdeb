import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { type ServiceIssuer, trustDomainNamed } from '../../domain/access/workload-identity.js';
import { IntegrityReporter, WRONG_MAC } from '../../domain/ports/reporters.js';
import { Sealer } from '../../sealing/sealer.js';
import { ChangeCache } from '../change-feed/change-cache.js';
import { ChangeFeed } from '../change-feed/change-feed.js';
import { Database } from '../client/database.js';
import type { Prisma } from '../prisma-client/client.js';
import { canonical } from '../sealed/aad.js';

/** How an issuer is stored: its keys are published by itself, or at an address. */
interface IssuerContent {
  readonly audience: string;
  readonly jwksUri: string | null;
}

interface ClientContent {
  /** Whether its Google app is in Testing. */
  readonly testing: boolean;
}

/** By name. */
export interface DeclaredSettings {
  readonly issuers: ReadonlyMap<string, IssuerContent>;
  readonly clients: ReadonlyMap<string, ClientContent>;
}

export type SettingContent =
  | { readonly kind: 'issuer'; readonly content: IssuerContent }
  | { readonly kind: 'client'; readonly content: ClientContent };

export type SettingKind = SettingContent['kind'];

/**
 * Settings that are rows, the same for all processes, and those of the environment beside them. Each row has a MAC: one that was
 * written outside the broker does not count, and raises an alarm. Does not own what may be in them (declarations/).
 */
@Injectable()
export class DeclaredSettingsRepository {
  readonly #cache: ChangeCache<DeclaredSettings>;
  #issuers: { readonly of: DeclaredSettings; readonly all: readonly ServiceIssuer[] } | null = null;

  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly reporter: IntegrityReporter,
    private readonly settings: Settings,
    feed: ChangeFeed,
  ) {
    this.#cache = new ChangeCache(feed, ['settings'], (client) => this.read(client));
  }

  /** Whose JWTs services may present; the same array as long as nothing changed. SERVICE_ISSUERS_FILE comes first. */
  async serviceIssuers(): Promise<readonly ServiceIssuer[]> {
    const declared = await this.#cache.get(this.database);
    if (this.#issuers?.of !== declared) {
      const own = this.settings.serviceIssuers;
      const rows = [...declared.issuers].map(([name, content]) => issuerOf(name, content));
      const all = [...own, ...rows.filter(({ name }) => !own.some((each) => each.name === name))];
      this.#issuers = { of: declared, all };
    }
    return this.#issuers.all;
  }

  /** Aliases of the clients whose Google app is in Testing: what is declared for a client counts, before TESTING_CLIENTS. */
  async testingClients(): Promise<readonly string[]> {
    const { clients } = await this.#cache.get(this.database);
    if (clients.size === 0) return this.settings.testingClients;
    const declared = [...clients].filter(([, { testing }]) => testing).map(([alias]) => alias);
    return [...this.settings.testingClients.filter((alias) => !clients.has(alias)), ...declared];
  }

  async read(client: Prisma.TransactionClient): Promise<DeclaredSettings> {
    const rows = await client.declaredSetting.findMany({ orderBy: [{ kind: 'asc' }, { name: 'asc' }] });
    const verified = rows.filter((row) => this.#isSigned(row));
    const of = (kind: SettingKind) => verified.filter((row) => row.kind === kind);
    return {
      issuers: new Map(of('issuer').map(({ name, content }) => [name, content as unknown as IssuerContent])),
      clients: new Map(of('client').map(({ name, content }) => [name, content as unknown as ClientContent])),
    };
  }

  async put(
    client: Prisma.TransactionClient,
    name: string,
    { kind, content }: SettingContent,
  ): Promise<void> {
    const mac = this.#macOf({ kind, name, content });
    const json = { ...content };
    await client.declaredSetting.upsert({
      where: { kind_name: { kind, name } },
      create: { kind, name, content: json, mac },
      update: { content: json, mac },
    });
  }

  async remove(client: Prisma.TransactionClient, kind: SettingKind, name: string): Promise<void> {
    await client.declaredSetting.deleteMany({ where: { kind, name } });
  }

  #isSigned({
    kind,
    name,
    content,
    mac,
  }: {
    readonly kind: string;
    readonly name: string;
    readonly content: unknown;
    readonly mac: Uint8Array;
  }): boolean {
    const expected = this.#macOf({ kind, name, content });
    if (mac.length === expected.length && timingSafeEqual(mac, expected)) return true;
    this.reporter.report({ kind: 'declared_setting', id: `${kind} ${name}`, reason: WRONG_MAC });
    return false;
  }

  #macOf(row: { readonly kind: string; readonly name: string; readonly content: unknown }) {
    return this.sealer.mac(canonical(row), 'declared_settings');
  }
}

function issuerOf(name: string, { audience, jwksUri }: IssuerContent): ServiceIssuer {
  return {
    name,
    kind: trustDomainNamed(name) === null ? 'issuer' : 'trust-domain',
    audience,
    keys: jwksUri === null ? { from: 'discovery' } : { from: 'address', uri: jwksUri },
  };
}
