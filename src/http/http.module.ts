import { Module } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { ProblemFilter } from './problem.filter.js';
import { StylesheetController } from './stylesheet.controller.js';
import { validation } from './validation.js';

/**
 * Owns what every route shares: problem details, validation, request ids, the log's form, headers, rate limits,
 * the OpenAPI document, the
 * stylesheet. Does not own any other route, nor who may call (services/), nor what pages say (pages/).
 */
@Module({
  controllers: [StylesheetController],
  providers: [
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_PIPE, useValue: validation },
  ],
})
export class HttpModule {}
