/** What an empty handler costs: NestJS on Fastify, a key check like the broker's, a response as long as its, and nothing else. */
import 'reflect-metadata';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Injectable, Module, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';

const { BODY = '{}', KEY = '' } = process.env;
const body = JSON.parse(BODY) as object;
const KEY_FORM = /^Bearer tbk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/;
const digest = (text: string) => createHash('sha256').update(text).digest();
const [, id = '', secret = ''] = KEY_FORM.exec(`Bearer ${KEY}`) ?? [];
const hashes = new Map([[id, digest(secret)]]);

@Injectable()
class KeyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<FastifyRequest>();
    const [, asked = '', presented = ''] = KEY_FORM.exec(headers.authorization ?? '') ?? [];
    const hash = hashes.get(asked);
    return hash !== undefined && timingSafeEqual(hash, digest(presented));
  }
}

@Controller('tokens')
class EmptyController {
  @Get(':userId')
  get(): object {
    return body;
  }
}

@Module({ controllers: [EmptyController], providers: [{ provide: APP_GUARD, useClass: KeyGuard }] })
class EmptyModule {}

const app = await NestFactory.create<NestFastifyApplication>(EmptyModule, new FastifyAdapter(), {
  logger: false,
});
await app.listen(0, '127.0.0.1');
process.send?.({ port: (app.getHttpServer().address() as AddressInfo).port });
process.on('disconnect', () => process.exit());
