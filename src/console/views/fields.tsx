/** Fields of forms, and the form of a search: it changes nothing, so everyone may send it. */
import type { ComponentChildren } from 'preact';

interface FieldProps {
  /** Unique on the page. */
  readonly name: string;
  readonly label: string;
  readonly value: string | null;
  readonly hint?: string;
  readonly placeholder?: string;
}

export function TextField({ name, label, value, hint, placeholder }: FieldProps) {
  return (
    <div>
      <Label name={name} label={label} />
      <input
        id={`field-${name}`}
        name={name}
        value={value ?? ''}
        placeholder={placeholder}
        autocomplete="off"
        spellcheck={false}
        aria-describedby={hint === undefined ? undefined : `hint-${name}`}
      />
      <Hint name={name} hint={hint} />
    </div>
  );
}

export function LongTextField({ name, label, value, hint }: FieldProps) {
  return (
    <div>
      <Label name={name} label={label} />
      <textarea
        id={`field-${name}`}
        name={name}
        spellcheck={false}
        aria-describedby={hint === undefined ? undefined : `hint-${name}`}
      >
        {value ?? ''}
      </textarea>
      <Hint name={name} hint={hint} />
    </div>
  );
}

interface Option {
  readonly value: string;
  readonly name: string;
}

/** @param any what no choice is called; without it one must be chosen */
export function SelectField({
  name,
  label,
  value,
  options,
  any,
}: FieldProps & { readonly options: readonly Option[]; readonly any?: string }) {
  return (
    <div>
      <Label name={name} label={label} />
      <select id={`field-${name}`} name={name}>
        {any === undefined ? null : <option value="">{any}</option>}
        {options.map((option) => (
          <option value={option.value} selected={option.value === value}>
            {option.name}
          </option>
        ))}
      </select>
    </div>
  );
}

/** The values of a list as options, in words. */
export function optionsOf(values: readonly string[]): Option[] {
  return values.map((value) => ({ value, name: value.replaceAll('_', ' ') }));
}

export function SearchForm({
  action,
  button = 'Show',
  children,
}: {
  readonly action: string;
  readonly button?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <form method="get" action={action} class="fields" role="search">
      {children}
      <button>{button}</button>
    </form>
  );
}

function Label({ name, label }: { readonly name: string; readonly label: string }) {
  return <label for={`field-${name}`}>{label}</label>;
}

function Hint({ name, hint }: { readonly name: string; readonly hint: string | undefined }) {
  if (hint === undefined) return null;
  return (
    <div class="soft small hint" id={`hint-${name}`}>
      {hint}
    </div>
  );
}
