import { Controller, Get, Header } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiExcludeController } from '@nestjs/swagger';
import { STYLE } from '../pages/style.js';
import { BROWSER_ROUTE } from './browser-route.js';
import { OpenToAll } from './caller.js';

@Controller('style.css')
@ApiExcludeController()
export class StylesheetController {
  @Get()
  @OpenToAll()
  @RouteConfig(BROWSER_ROUTE)
  @Header('content-type', 'text/css; charset=utf-8')
  @Header('cache-control', 'public, max-age=3600')
  style(): string {
    return STYLE;
  }
}
