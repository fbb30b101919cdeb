import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { OpenToAll } from '../http/caller.js';
import { STYLE } from './style.js';

@Controller()
@ApiExcludeController()
export class PagesController {
  @Get('style.css')
  @OpenToAll()
  @Header('content-type', 'text/css; charset=utf-8')
  @Header('cache-control', 'public, max-age=3600')
  style(): string {
    return STYLE;
  }
}
