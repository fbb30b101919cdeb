/** A fault that the user at the terminal can fix: what happened, and what to do next. Shown without a stack trace. */
export class TrialFault extends Error {
  override readonly name = 'TrialFault';
}

/** The code of an error of the system, such as `EACCES`. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
