import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { forecast } from '../domain/forecast.js';
import type { Grant } from '../domain/grant.js';
import { mayUseClient, maySeeUser, type Service } from '../domain/policy.js';
import { Clock } from '../domain/ports/clock.js';
import { GrantStore } from '../domain/ports/grant-store.js';

const BATCH = 500;

@Injectable()
export class FindExpiringGrants {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly grants: GrantStore,
  ) {}

  /** The grants a service may see that will die within some seconds if nobody does anything, soonest first. */
  async within(seconds: number, service: Service): Promise<Grant[]> {
    const latest = new Date(this.clock.now().getTime() + seconds * 1000);
    const found: { grant: Grant; at: Date }[] = [];
    for await (const batch of this.grants.mortal(latest, this.settings.testingClients, BATCH)) {
      for (const grant of batch) {
        if (!maySeeUser(service.policy, grant.userId) || !mayUseClient(service.policy, grant.client))
          continue;
        const expiry = forecast(grant, this.settings.testingClients.includes(grant.client));
        if (expiry && expiry.at <= latest) found.push({ grant, at: expiry.at });
      }
    }
    return found.sort((a, b) => a.at.getTime() - b.at.getTime()).map(({ grant }) => grant);
  }
}
