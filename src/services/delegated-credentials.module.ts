import { Module } from '@nestjs/common';
import { DelegatedCredentialsController } from './delegated-credentials.controller.js';

/** Apart from services.module.ts: commands need that one, and no HTTP. */
@Module({ controllers: [DelegatedCredentialsController] })
export class DelegatedCredentialsModule {}
