import { Controller, Get, Header, Query } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiExcludeController } from '@nestjs/swagger';
import { stylesheet } from '../pages/style.js';
import { Public } from './caller.decorator.js';
import { EXEMPT_ROUTE } from './rate-limit/route-limits.js';

/**
 * The stylesheet of the pages, in the colour of an app or the broker's own. Exempt from rate limits: the page of a refused request
 * needs it too.
 */
@Controller('style.css')
@ApiExcludeController()
export class StylesheetController {
  @Get()
  @Public()
  @RouteConfig(EXEMPT_ROUTE)
  @Header('content-type', 'text/css; charset=utf-8')
  @Header('cache-control', 'public, max-age=3600')
  style(@Query('colour') colour: unknown): string {
    return stylesheet(isColour(colour) ? `#${colour}` : null);
  }
}

function isColour(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{6}$/.test(value);
}
