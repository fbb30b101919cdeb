import { Injectable } from '@nestjs/common';
import type { Service } from '../domain/access/policy.js';
import { BrokerError } from '../domain/errors.js';
import type { ImportItem, ImportResult, InvalidItem } from '../domain/grant/grant-import.js';
import { ServiceCache } from '../services/service-cache.js';
import { ImportGrants, type ImportOptions } from './import-grants.js';

type ImportChoices = Required<Pick<ImportOptions, 'requestId' | 'replace' | 'dryRun' | 'callerSignal'>>;

/**
 * An import that a service asks for: one at a time for each service and process, under the policy that the service has when each
 * item is stored. Owns neither the right to import (its controller asserts it) nor what happens to an item (import-grants.ts).
 */
@Injectable()
export class ImportForService {
  /** Services with an import under way in this process. */
  readonly #importing = new Set<string>();

  constructor(
    private readonly imports: ImportGrants,
    private readonly services: ServiceCache,
  ) {}

  /**
   * @returns one result for each item, in their order
   * @throws {BrokerError} `rate_limited` while another import of this service is under way
   */
  async run(
    service: Service,
    items: AsyncIterable<ImportItem | InvalidItem>,
    choices: ImportChoices,
  ): Promise<ImportResult[]> {
    if (this.#importing.has(service.id)) {
      const detail = 'An import of this service is under way. Send the next one when it has been answered.';
      throw new BrokerError('rate_limited', detail, { retry_after: 1 });
    }
    this.#importing.add(service.id);
    try {
      const findService = () => this.services.findActive(service.id);
      const results: ImportResult[] = [];
      for await (const result of this.imports.run(items, { ...choices, service, findService })) {
        results.push(result);
      }
      return results;
    } finally {
      this.#importing.delete(service.id);
    }
  }
}
