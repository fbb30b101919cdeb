/** What a controller of the console says about itself and its routes, and how it gets the person who is signed in. */
import {
  applyDecorators,
  createParamDecorator,
  type ExecutionContext,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Public } from '../../http/caller.decorator.js';
import { ConsoleFilter } from './console.filter.js';
import { BEFORE_SIGN_IN, ConsoleGuard, personOf } from './console.guard.js';
import { ConsoleRoleInterceptor, EVERY_ROLE } from './console-role.interceptor.js';
import type { ConsolePerson } from './console-sessions.js';

/** A controller of the console: behind the sign-in, in no API document, its errors shown as pages of the console. */
export const ConsoleController = () =>
  applyDecorators(
    Public(),
    ApiExcludeController(),
    UseGuards(ConsoleGuard),
    UseInterceptors(ConsoleRoleInterceptor),
    UseFilters(ConsoleFilter),
  );

/** A route of the console that is open before the sign-in. */
export const BeforeSignIn = () => SetMetadata(BEFORE_SIGN_IN, true);

/** A form that viewers may send, too. Every other one is for operators. */
export const EveryRole = () => SetMetadata(EVERY_ROLE, true);

/** The person who is signed in, as a handler's parameter. */
export const Person = createParamDecorator((_: unknown, context: ExecutionContext): ConsolePerson => {
  const person = personOf(context.switchToHttp().getRequest<FastifyRequest>());
  if (!person) throw new Error('This route is open before the sign-in.');
  return person;
});
