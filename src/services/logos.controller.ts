import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { BrokerError } from '../domain/errors.js';
import { Public } from '../http/caller.decorator.js';
import { ServiceBrandingRepository } from '../token-store/services/service-branding.repository.js';

/** Serves the logos that services keep with the broker, each at the hash of its content. */
@Controller('logos')
@ApiExcludeController()
export class LogosController {
  constructor(private readonly branding: ServiceBrandingRepository) {}

  @Get(':hash')
  @Public()
  async logo(@Param('hash') hash: string, @Res() reply: FastifyReply): Promise<void> {
    const logo = /^[0-9a-f]{64}$/.test(hash) ? await this.branding.findLogo(hash) : null;
    if (!logo) throw new BrokerError('not_found', 'There is no such logo.');
    await reply
      .headers({
        'content-type': logo.type,
        'cache-control': 'public, max-age=31536000, immutable',
        // Opened by itself, it is an image and nothing else.
        'content-security-policy': "default-src 'none';sandbox",
      })
      .send(Buffer.from(logo.bytes));
  }
}
