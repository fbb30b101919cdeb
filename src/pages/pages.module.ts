import { Module } from '@nestjs/common';
import { PagesController } from './pages.controller.js';

/**
 * Owns what a person sees in a browser: the connect page, the result, errors, one stylesheet. No scripts.
 * Does not own what happens on a click (authorization/) nor the texts of refusals (domain/errors.ts, callback/).
 */
@Module({ controllers: [PagesController] })
export class PagesModule {}
