import { isURL } from 'class-validator';

/** One setting, defined once: its environment variable, docs/configuration.md and .env.example follow from this. */
export interface Setting<Raw, IsSecret extends boolean = false> {
  /** One sentence for .env.example; begins the meaning in docs/configuration.md. */
  readonly doc: string;
  /** Further sentences, in Markdown, for docs/configuration.md only. */
  readonly more?: string;
  /** The values it takes, where they can be listed: `1 to 60`, `true` or `false`. */
  readonly values?: string;
  readonly unit?: Unit;
  readonly example: string;
  /** Undefined: it must be set. Null: there is none, and the setting may be left out. */
  readonly default: Raw | undefined;
  /** Settings holds it as a `Secret`. */
  readonly isSecret: IsSecret;
  /** Whether NAME_FILE may name a file that holds it. */
  readonly mayBeFile: boolean;
  /** With this setting it must be set; without, it is ignored. */
  readonly neededWith?: string;
  /** Reads the variable. What cannot be read stays text, and fails the check. */
  readonly parse: (text: string) => unknown;
  /** @returns what is wrong, as a sentence without its subject; null: nothing */
  readonly faultOf: (value: unknown) => string | null;
}

/** A URL without path, query or fragment, so that joining a path has one meaning. */
export function isOrigin(value: string): boolean {
  return /^https?:\/\/[^/?#\s]+$/.test(value) && URL.canParse(value);
}

/** `isURL` takes hosts that are not addresses, such as 256.1.1.1, and fail only where a request is sent. */
export function isHttpUrl(value: string): boolean {
  const options = { require_tld: false, protocols: ['http', 'https'], require_protocol: true };
  return isURL(value, options) && URL.canParse(value);
}

export type Unit = 'milliseconds' | 'seconds' | 'days' | 'requests a minute' | 'a second';

/** What every definition has. `default: null` makes a setting optional; one without `default` must be set. */
interface Description<Default> {
  readonly doc: string;
  readonly more?: string;
  readonly example: string;
  readonly default?: Default;
}

const describe = <Default>({ doc, more, example, default: value }: Description<Default>) => ({
  doc,
  ...(more === undefined ? {} : { more }),
  example,
  default: value,
  isSecret: false as const,
  mayBeFile: false,
});

const asText = (text: string): unknown => text;
const NO_FAULT = () => null;

/** A whole number. */
export function integer<Default extends number | null = number>(
  description: Description<Default> & { readonly min: number; readonly max?: number; readonly unit?: Unit },
): Setting<number | Default> {
  const { min, max = Infinity, unit } = description;
  return {
    ...describe<number | Default>(description),
    ...(unit === undefined ? {} : { unit }),
    values: max === Infinity ? `${min} or more` : `${min} to ${max}`,
    parse: Number,
    faultOf: (value) => {
      if (typeof value !== 'number' || !Number.isInteger(value)) return 'must be an integer number';
      if (value < min) return `must not be less than ${min}`;
      return value > max ? `must not be greater than ${max}` : null;
    },
  };
}

export function flag(description: Description<boolean>): Setting<boolean> {
  return {
    ...describe(description),
    values: '`true` or `false`',
    parse: (text) => (text === 'true' ? true : text === 'false' ? false : text),
    faultOf: (value) => (typeof value === 'boolean' ? null : 'must be true or false'),
  };
}

/** One of several words. */
export function choice<const Word extends string, Default extends Word | null = Word>(
  words: readonly Word[],
  fault: string,
  description: Description<Default>,
): Setting<Word | Default> {
  const [last, ...others] = words.map((word) => `\`${word}\``).reverse();
  return {
    ...describe<Word | Default>(description),
    values: `${others.reverse().join(', ')} or ${last ?? ''}`,
    parse: asText,
    faultOf: (value) => (words.includes(value as Word) ? null : fault),
  };
}

/** A text that a rule accepts; without a rule, any. */
export function text<Default extends string | null = string>(
  description: Description<Default> & { readonly rule?: Rule },
): Setting<string | Default> {
  const { rule } = description;
  return {
    ...describe<string | Default>(description),
    parse: asText,
    faultOf: rule ? (value) => (rule.accepts(value as string) ? null : rule.fault) : NO_FAULT,
  };
}

export interface Rule {
  readonly accepts: (value: string) => boolean;
  /** Never holds the value. */
  readonly fault: string;
}

export const matches = (pattern: RegExp, fault: string): Rule => ({
  accepts: (value) => pattern.test(value),
  fault,
});

/** A text that Settings holds as a `Secret`, and that may come from a file. */
export function secret<Default extends null = never>(
  description: Description<Default> & {
    readonly rule: Rule;
    readonly neededWith?: string;
    readonly mayBeFile?: boolean;
  },
): Setting<string | Default, true> {
  const { neededWith, mayBeFile = true } = description;
  return {
    ...text<string | Default>(description),
    isSecret: true,
    mayBeFile,
    ...(neededWith === undefined ? {} : { neededWith }),
  };
}

/** Several texts, comma separated. */
export function list(
  description: Description<readonly string[]> & { readonly rule?: Rule },
): Setting<readonly string[]> {
  const { rule } = description;
  return {
    ...describe(description),
    parse: (value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    faultOf: rule
      ? (value) => ((value as readonly string[]).every(rule.accepts) ? null : rule.fault)
      : NO_FAULT,
  };
}
