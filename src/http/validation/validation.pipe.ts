import { Injectable, ValidationPipe, type ArgumentMetadata, type ValidationError } from '@nestjs/common';
import { invalidRequest } from '../../domain/errors.js';
import { isPlainText } from '../../domain/text.js';

/** Deeper than anything that is asked for here; what walks a value recursively must not run out of stack. */
const MAX_DEPTH = 8;

/**
 * Checks bodies and queries against their classes; an unknown member is refused, since it is likely a typo. Before that,
 * every text in them must be one that can be stored and sent on, whatever the rules of its field say.
 */
@Injectable()
class Validation extends ValidationPipe {
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type !== 'custom' && this.toValidate(metadata)) {
      const errors: Record<string, string> = {};
      findFaults(value, metadata.type, '', 0, errors);
      if (Object.keys(errors).length > 0) throw invalidRequest(errors);
    }
    return super.transform(value, metadata) as Promise<unknown>;
  }
}

function findFaults(
  value: unknown,
  root: string,
  path: string,
  depth: number,
  errors: Record<string, string>,
): void {
  const field = path === '' ? root : path;
  if (typeof value === 'string' && !isPlainText(value))
    errors[field] = 'must hold no control characters and no lone surrogates.';
  if (typeof value !== 'object' || value === null) return;
  if (depth === MAX_DEPTH) {
    errors[field] = 'is nested too deeply.';
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    const inside = path === '' ? name : `${path}.${name}`;
    // The whitelist of class-validator takes what every object inherits for known.
    if (name in Object.prototype) errors[inside] = 'is not known here.';
    else findFaults(inner, root, inside, depth + 1, errors);
  }
}

export const validation = new Validation({
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
