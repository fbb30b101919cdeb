import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '../http/caller.decorator.js';
import { CONSOLE_STYLE } from './views/style.js';

/** Minutes, no more: the next version of the broker may have another stylesheet at the same address. */
const CACHING = 'public, max-age=300';

/**
 * The stylesheet of the console. Open to all, since the page of the sign-in needs it before there is a session: therefore it is no
 * @ConsoleController() as all others here. It counts for the rate limit of the console like their pages (http/rate-limit/route-limits.ts).
 * Does not own its text (views/style.ts), nor the pages that link to it (views/layout.tsx); the stylesheet of the pages for users is
 * another one (http/stylesheet.controller.ts).
 */
@Controller('console/style.css')
@ApiExcludeController()
export class ConsoleStylesheetController {
  @Get()
  @Public()
  @Header('content-type', 'text/css; charset=utf-8')
  @Header('cache-control', CACHING)
  style(): string {
    return CONSOLE_STYLE;
  }
}
