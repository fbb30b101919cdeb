import { emptySummary, type ImportResult, TOKEN_REPLACED } from '../../domain/grant/grant-import.js';

const BAR_WIDTH = 30;

/**
 * What `grant import` shows while it runs: a line for each result on standard output, and on a terminal a progress bar on
 * standard error. Never a token. With --json only the bar: the results come at the end.
 */
export class ImportReport {
  readonly summary = emptySummary();
  readonly #hasBar = process.stderr.isTTY;
  #done = 0;
  #isOutageShown = false;

  constructor(
    private readonly total: number,
    private readonly options: { readonly asJson: boolean; readonly dryRun: boolean },
  ) {}

  note(text: string): void {
    if (!this.options.asJson) process.stderr.write(`${text}\n`);
  }

  add(line: number, result: ImportResult): void {
    this.summary[result.status]++;
    this.#done++;
    // After an outage nothing else is attempted: one line says so.
    const isRepeated = result.cause === 'not_attempted' && this.#isOutageShown;
    this.#isOutageShown ||= result.cause === 'not_attempted';
    if (!this.options.asJson && !isRepeated) {
      this.#clear();
      process.stdout.write(`${this.#lineOf(line, result)}\n`);
    }
    this.#draw();
  }

  close(): void {
    this.#clear();
  }

  conclusion(): string {
    const { imported, replaced, unchanged, refused, postponed } = this.summary;
    return [
      `${this.#done} of ${this.total} lines${this.options.dryRun ? ', nothing was stored (--dry-run)' : ''}: imported ` +
        `${imported}, replaced ${replaced}, unchanged ${unchanged}, refused ${refused}, postponed ${postponed}.`,
      ...(postponed > 0 ? ['Run the same command again for those that are postponed.'] : []),
    ].join('\n');
  }

  #lineOf(line: number, result: ImportResult): string {
    const { status, userId, client, account, grantId, cause, detail, errors, missingScopes } = result;
    const who = [userId, client, account && (account.email ?? account.sub)].filter((part) => part != null);
    const faults = Object.entries(errors ?? {}).map(([field, fault]) => `${field} ${fault}`);
    const why = cause === null ? [] : [`${cause}:`, ...(faults.length > 0 ? faults : [detail])];
    const missing = missingScopes ? [missingScopes.join(' ')] : [];
    const replaced = result.tokenReplaced ? [TOKEN_REPLACED] : [];
    const grant = grantId === null ? [] : [grantId];
    return [`line ${line}`, status, ...who, ...grant, ...why, ...missing, ...replaced].join('  ');
  }

  #draw(): void {
    if (!this.#hasBar) return;
    const { refused, postponed } = this.summary;
    const filled = Math.round((this.#done / this.total) * BAR_WIDTH);
    const bar = `${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}`;
    process.stderr.write(
      `\r[${bar}] ${this.#done}/${this.total}, refused ${refused}, postponed ${postponed}`,
    );
  }

  #clear(): void {
    if (this.#hasBar) process.stderr.write('\r\u001B[K');
  }
}
