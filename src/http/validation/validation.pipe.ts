import { Injectable, ValidationPipe, type ArgumentMetadata, type ValidationError } from '@nestjs/common';
import { instanceToPlain, plainToInstance } from 'class-transformer';
import { getMetadataStorage, validate } from 'class-validator';
import { invalidRequest } from '../../domain/errors.js';
import { isPlainText } from '../../domain/text.js';
import { declaredBy, withoutIgnored } from './ignore-unknown.decorator.js';

/** No DTO is deeper. Bounds every recursion over the value. */
const MAX_DEPTH = 8;

/**
 * Validates bodies, queries and parameters against their DTO, and refuses unknown members, which are likely typos; pages ignore
 * them (ignore-unknown.decorator.ts). Before that, it checks every text: it must have no control characters, whatever the rules of
 * its field.
 */
@Injectable()
class Validation extends ValidationPipe {
  override async transform(sent: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const value = withoutIgnored(sent, metadata.metatype);
    if (metadata.type !== 'custom' && this.toValidate(metadata)) {
      const errors: Record<string, string> = {};
      findFaults(value, metadata.type, '', 0, errors);
      if (Object.keys(errors).length > 0) throw invalidRequest(errors);
    }
    return super.transform(withoutUnset(value, metadata), metadata) as Promise<unknown>;
  }
}

/** In JSON, null also means "not set": a rule or a default of the DTO must not see it. */
function withoutUnset(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
  if (type !== 'body' || !metatype || typeof value !== 'object' || value === null || Array.isArray(value))
    return value;
  const entries = Object.entries(value);
  if (entries.every(([, member]) => member !== null)) return value;
  const known = declaredBy(metatype);
  return Object.fromEntries(entries.filter(([name, member]) => member !== null || !known.has(name)));
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
    // The whitelist of class-validator accepts what every object inherits.
    if (name in Object.prototype) errors[inside] = 'is not known here.';
    else findFaults(inner, root, inside, depth + 1, errors);
  }
}

/** Named, where Nest would load all of both packages: the bundle has only what is used of them. */
const PACKAGES = {
  // The storage too: Nest looks in it for nested objects.
  validatorPackage: { validate, getMetadataStorage },
  transformerPackage: { plainToInstance, classToPlain: instanceToPlain },
};

export const validation = new Validation({
  ...PACKAGES,
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
  // The last constraint is the first decorator: the type.
  const [rule, message] = Object.entries(constraints ?? {}).at(-1) ?? [];
  const own: [string, string][] =
    message === undefined
      ? []
      : [[name, rule === 'whitelistValidation' ? 'is not known here.' : sentence(message, property)]];
  return [...own, ...children.flatMap((child) => messages(child, `${name}.`))];
}

/** class-validator begins its messages with the property's name, which is the member's key here. */
function sentence(message: string, property: string): string {
  const text = message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
  return text.endsWith('.') ? text : `${text}.`;
}
