import { Controller, Get, Header } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiExcludeController } from '@nestjs/swagger';
import { STYLE } from '../pages/style.js';
import { Public } from './caller.decorator.js';
import { EXEMPT_ROUTE } from './rate-limit/route-limits.js';

/** Exempt from rate limits: the page of a refused request needs it too. */
@Controller('style.css')
@ApiExcludeController()
export class StylesheetController {
  @Get()
  @Public()
  @RouteConfig(EXEMPT_ROUTE)
  @Header('content-type', 'text/css; charset=utf-8')
  @Header('cache-control', 'public, max-age=3600')
  style(): string {
    return STYLE;
  }
}
