import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { stylesheet } from '../pages/style.js';
import { Public } from './caller.decorator.js';

/**
 * The stylesheet of the pages, in the colour of an app or the broker's own. Exempt from rate limits (rate-limit/route-limits.ts): the
 * page of a refused request needs it too. Does not own its text (pages/style.ts), nor which colour an app has (services/); the
 * stylesheet of the console is another one (console/console-stylesheet.controller.ts).
 */
@Controller('style.css')
@ApiExcludeController()
export class StylesheetController {
  @Get()
  @Public()
  @Header('content-type', 'text/css; charset=utf-8')
  @Header('cache-control', 'public, max-age=3600')
  style(@Query('colour') colour: unknown): string {
    return stylesheet(isColour(colour) ? `#${colour}` : null);
  }
}

function isColour(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{6}$/.test(value);
}
