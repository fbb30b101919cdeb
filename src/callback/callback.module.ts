import { Module } from '@nestjs/common';
import { CallbackController } from './callback.controller.js';
import { CompleteAuthorization } from './complete-authorization.js';

/**
 * Owns the way back from Google: the state, cookie and issuer checks, the one exchange of the code, and storing
 * what was granted. Does not own the way there (authorization/) nor how the grant is kept (token-store/).
 */
@Module({
  controllers: [CallbackController],
  providers: [CompleteAuthorization],
})
export class CallbackModule {}
