const PATHS = {
  check: 'M5 12.5l4.5 4.5L19 7.5',
  exclamation: 'M12 5v9 M12 18.5v.5',
  cross: 'M6.5 6.5l11 11 M17.5 6.5l-11 11',
  circle: 'M12 4.5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 1 0 0-15',
} as const;

export type IconName = keyof typeof PATHS;

/** Decoration: the text beside it says the same, so that it is not read aloud. */
export function Icon({ name, class: className }: { readonly name: IconName; readonly class?: string }) {
  return (
    <svg
      class={className}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2.4"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
