import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '../http/caller.decorator.js';
import { CONSOLE_STYLE } from './views/style.js';

/** Open to all: the page of the sign-in needs it. */
@Controller('console/style.css')
@ApiExcludeController()
export class ConsoleStylesheetController {
  @Get()
  @Public()
  @Header('content-type', 'text/css; charset=utf-8')
  @Header('cache-control', 'public, max-age=300')
  style(): string {
    return CONSOLE_STYLE;
  }
}
