import { ValidationPipe, type ValidationError } from '@nestjs/common';
import { invalidRequest } from '../domain/errors.js';

/** Checks bodies and queries against their classes; an unknown member is refused, since it is likely a typo. */
export const validation = new ValidationPipe({
  transform: true,
  whitelist: true,
  forbidNonWhitelisted: true,
  exceptionFactory: (errors) =>
    invalidRequest(Object.fromEntries(errors.flatMap((error) => messages(error)))),
});

function messages(
  { property, constraints, children = [] }: ValidationError,
  parent = '',
): [string, string][] {
  const name = `${parent}${property}`;
  // The last one is the decorator written first: what the value must be at all.
  const [rule, message] = Object.entries(constraints ?? {}).at(-1) ?? [];
  const own: [string, string][] =
    message === undefined
      ? []
      : [[name, rule === 'whitelistValidation' ? 'is not known here.' : sentence(message, property)]];
  return [...own, ...children.flatMap((child) => messages(child, `${name}.`))];
}

/** class-validator begins its own messages with the property's name; the field is named beside it already. */
function sentence(message: string, property: string): string {
  const text = message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
  return text.endsWith('.') ? text : `${text}.`;
}
