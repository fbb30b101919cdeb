import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ServiceDirectory } from '../domain/ports/service-directory.js';
import { AuthenticateService } from './authenticate-service.js';
import { CreateService } from './create-service.js';
import { RecogniseKey } from './recognise-key.js';
import { RememberedServices } from './remembered-services.js';
import { RevokeService } from './revoke-service.js';

/**
 * Owns who may call: services, their keys and identities, and the check at the door of every route that is not open
 * to all. Does not own what a policy means (domain/policy.ts), how a JWT is verified (identity/), nor the commands
 * that manage services (cli/).
 */
@Global()
@Module({
  providers: [
    RememberedServices,
    RecogniseKey,
    { provide: ServiceDirectory, useExisting: RememberedServices },
    CreateService,
    RevokeService,
    { provide: APP_GUARD, useClass: AuthenticateService },
  ],
  exports: [RecogniseKey, CreateService, RevokeService, ServiceDirectory],
})
export class ServicesModule {}
