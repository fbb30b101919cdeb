import { Global, Module } from '@nestjs/common';
import { StylesheetController } from './stylesheet.controller.js';
import { ListQueue } from './pagination/list-queue.js';
import { PageCursors } from './pagination/page-cursors.js';
import { ProblemFilter } from './problem/problem.filter.js';
import { Problems } from './problem/problem.js';

/**
 * Owns what every route shares: the order of a request (pipeline.ts), problem details, validation, request ids, the log's
 * format, headers, rate limits, pagination, the OpenAPI document, the stylesheet. Does not own any other route, nor who may
 * call (services/), nor the content of pages (pages/).
 */
@Global()
@Module({
  controllers: [StylesheetController],
  providers: [Problems, ProblemFilter, PageCursors, ListQueue],
  exports: [Problems, PageCursors, ListQueue],
})
export class HttpModule {}
