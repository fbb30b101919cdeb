/*
 * What a file declares: which sections, items and fields it may have, and of which kind each value is. Owns the names in the file;
 * not what the values mean (declarations/), nor YAML (yaml-file.ts).
 */
import { dirname, resolve } from 'node:path';
import type { DeclarationFault } from '../../declarations/check-declaration.js';
import {
  type Declaration,
  type DeclaredClient,
  type DeclaredIssuer,
  type DeclaredService,
  type DeclaredWebhook,
} from '../../declarations/declaration.js';
import { dataUrl, type DeclaredBranding } from '../../declarations/declared-branding.js';
import { RIGHTS, type Right } from '../../domain/access/policy.js';
import { BRANDING_FIELDS, LOGO_RULE, logoTypeOf } from '../../domain/access/service-branding.js';
import { Secret } from '../../domain/secret.js';
import { readLogoFile } from '../shared/logo-file.js';

const SECTIONS = ['services', 'webhooks', 'issuers', 'clients'] as const;

interface Options {
  /** Where paths of logos begin. */
  readonly folder: string;
  /** Whether what a section does not name is removed. */
  readonly isPruning: boolean;
  readonly env: NodeJS.ProcessEnv;
}

/** @returns what is declared, and every fault of names and kinds */
export function readDeclaration(
  content: unknown,
  options: Options,
): { readonly declaration: Declaration; readonly faults: readonly DeclarationFault[] } {
  const file = new DeclarationReader([], options);
  const root = file.members(content, SECTIONS);
  if (Object.keys(root).length === 0 && file.faults.length === 0) {
    file.fault([], `names nothing. It has sections: ${SECTIONS.join(', ')}.`);
  }
  const items = <Item>(
    section: (typeof SECTIONS)[number],
    read: (reading: DeclarationReader, value: unknown) => Item,
  ) =>
    section in root
      ? new Map(
          Object.entries(file.under(section).section(root[section])).map(([name, value]) => [
            name,
            read(file.under(section, name), value),
          ]),
        )
      : null;
  const declaration: Declaration = {
    services: items('services', readService),
    webhooks: items('webhooks', readWebhook),
    issuers: items('issuers', readIssuer),
    clients: items('clients', readClient),
  };
  return { declaration, faults: file.faults };
}

function readService(at: DeclarationReader, value: unknown): DeclaredService {
  const given = at.members(value, ['clients', 'scopes', 'users', 'allow', 'identity', 'branding']);
  const identity = at.under('identity').members(given['identity'] ?? {}, ['issuer', 'subject']);
  const branding = at.under('branding').members(given['branding'] ?? {}, BRANDING_FIELDS);
  return {
    clients: at.texts(given, 'clients', true),
    scopes: at.texts(given, 'scopes', true),
    users: at.texts(given, 'users', true),
    allow: at.words(given, 'allow', RIGHTS) as readonly Right[],
    identity:
      given['identity'] === undefined
        ? null
        : {
            issuer: at.under('identity').text(identity, 'issuer', true) ?? '',
            subject: at.under('identity').text(identity, 'subject', true) ?? '',
          },
    branding: readBranding(at.under('branding'), branding),
  };
}

function readBranding(at: DeclarationReader, given: Members): DeclaredBranding {
  return {
    displayName: at.text(given, 'display_name'),
    logo: at.logo(given, 'logo'),
    colour: at.text(given, 'colour')?.toLowerCase() ?? null,
    privacyUrl: at.text(given, 'privacy_url'),
    supportUrl: at.text(given, 'support_url'),
  };
}

function readWebhook(at: DeclarationReader, value: unknown): DeclaredWebhook {
  const given = at.members(value, ['url', 'events', 'services', 'enabled', 'secret_env']);
  return {
    url: at.text(given, 'url', true) ?? '',
    events: at.filter(given, 'events'),
    services: at.filter(given, 'services'),
    enabled: at.flag(given, 'enabled'),
    secret: at.secret(given, 'secret_env'),
  };
}

function readIssuer(at: DeclarationReader, value: unknown): DeclaredIssuer {
  const given = at.members(value, ['audience', 'jwks_uri']);
  return { audience: at.text(given, 'audience', true) ?? '', jwksUri: at.text(given, 'jwks_uri') };
}

function readClient(at: DeclarationReader, value: unknown): DeclaredClient {
  const given = at.members(value, ['testing']);
  return { testing: at.flag(given, 'testing') ?? false };
}

type Members = Readonly<Record<string, unknown>>;

/** Reads values at a place of the file; what is wrong is noted, and reading continues. */
class DeclarationReader {
  constructor(
    private readonly path: readonly string[],
    private readonly options: Options,
    readonly faults: DeclarationFault[] = [],
  ) {}

  under(...parts: string[]): DeclarationReader {
    return new DeclarationReader([...this.path, ...parts], this.options, this.faults);
  }

  fault(path: readonly string[], message: string): void {
    this.faults.push({ path: [...this.path, ...path], message });
  }

  map(value: unknown): Members {
    // A section or item without content is an empty one.
    if (value === null || value === undefined) return {};
    if (typeof value === 'object' && !Array.isArray(value)) return value as Members;
    this.fault([], 'must have members, each as `name: value`.');
    return {};
  }

  /** A template that found nothing leaves a section without content: that must not remove all. */
  section(value: unknown): Members {
    if (value === null && this.options.isPruning)
      this.fault([], 'has no content, and --prune would remove all of it. Write {} if that is meant.');
    return this.map(value);
  }

  members(value: unknown, known: readonly string[]): Members {
    const given = this.map(value);
    for (const name of Object.keys(given)) {
      if (known.includes(name)) continue;
      this.fault([name], `There is no such key. Known are ${known.join(', ')}.`);
    }
    return given;
  }

  text(given: Members, name: string, isNeeded = false): string | null {
    const value = given[name];
    if (value === undefined || value === null) {
      if (isNeeded) this.fault([name], 'is missing.');
      return null;
    }
    if (typeof value === 'string') return value;
    this.fault([name], 'must be a text: put it into quotes.');
    return null;
  }

  texts(given: Members, name: string, isNeeded = false): readonly string[] {
    const value = given[name];
    if (value === undefined || value === null) {
      if (isNeeded) this.fault([name], 'is missing.');
      return [];
    }
    if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
    this.fault([name], 'must be a list of texts, such as [a, b]; quote numbers and every *.');
    return [];
  }

  /** Of a webhook: without it, all are sent. A list that became empty says the opposite of what it would do. */
  filter(given: Members, name: string): readonly string[] {
    const texts = this.texts(given, name);
    if (name in given && texts.length === 0)
      this.fault([name], `names none of the ${name}. Leave it out if all are meant.`);
    return texts;
  }

  words(given: Members, name: string, known: readonly string[]): readonly string[] {
    const words = this.texts(given, name);
    const unknown = words.filter((word) => !known.includes(word));
    if (unknown.length > 0) this.fault([name], `must be of ${known.join(', ')}.`);
    return words;
  }

  flag(given: Members, name: string): boolean | null {
    const value = given[name];
    if (value === undefined || value === null) return null;
    if (typeof value === 'boolean') return value;
    this.fault([name], 'must be true or false.');
    return null;
  }

  /** The name of a variable: a file of declarations holds no secret. */
  secret(given: Members, name: string): Secret | null {
    const variable = this.text(given, name);
    if (variable === null) return null;
    const { env } = this.options;
    const value = Object.hasOwn(env, variable) ? env[variable] : undefined;
    if (value !== undefined && value !== '') return new Secret(value.trim());
    this.fault([name], `The environment has no variable ${variable}.`);
    return null;
  }

  /** An https URL and a `data:` URL stay as they are; anything else is a file beside this one. */
  logo(given: Members, name: string): string | null {
    const value = this.text(given, name);
    if (value === null || /^[a-z][a-z0-9+.-]+:/i.test(value)) return value;
    const path = resolve(this.options.folder, value);
    const file = readLogoFile(path);
    const type = file.kind === 'read' ? logoTypeOf(file.bytes) : null;
    if (file.kind === 'read' && type) return dataUrl(type, file.bytes);
    this.fault(
      [name],
      file.kind === 'unreadable' ? `The logo cannot be read from ${path} (${file.code}).` : LOGO_RULE,
    );
    return null;
  }
}

export function folderOf(file: string): string {
  return file === '-' ? process.cwd() : dirname(resolve(file));
}
