/*
 * The keys and secrets that an applied file makes: into a private file that is written before they count, or into what is printed.
 * Owns the file's name and content. Does not own which secrets there are (declarations/plan-declaration.ts).
 */
import { existsSync, rmSync } from 'node:fs';
import type { NewSecret } from '../../declarations/plan-declaration.js';
import { EXIT, toFailure, Failure } from '../shared/failure.js';
import { writePrivateFile } from '../shared/files.js';

export class SecretsFile {
  #isWritten = false;

  private constructor(readonly path: string) {}

  /** @throws {Failure} `file_exists` */
  static at(path: string): SecretsFile {
    if (existsSync(path)) throw existing(path);
    return new SecretsFile(path);
  }

  get note(): string {
    return `New keys and secrets are in ${this.path}.`;
  }

  /**
   * Before the commit: where the file cannot be written, no key comes to count. Called again where the transaction is repeated.
   * @throws {Failure}
   */
  write(secrets: readonly NewSecret[]): void {
    this.remove();
    if (secrets.length === 0) return;
    try {
      writePrivateFile(this.path, `${JSON.stringify(secretsAsJson(secrets), null, 2)}\n`, false);
    } catch (error) {
      throw error instanceof Failure && error.code === 'file_exists' ? existing(this.path) : error;
    }
    this.#isWritten = true;
  }

  /** Only what was written here. */
  remove(): void {
    if (this.#isWritten) rmSync(this.path, { force: true });
    this.#isWritten = false;
  }

  /** Where a commit fails, it may have happened all the same: the file stays, and the failure says so. */
  async explain(error: unknown): Promise<unknown> {
    if (!this.#isWritten) return error;
    const { exitCode, code, message, faults } = await toFailure(error);
    const note = `The changes may have been made: \`token-broker export\` shows it. If so, the new keys and secrets are in ${this.path}; if not, remove it.`;
    return new Failure(exitCode, code, `${message}\n${note}`, faults);
  }
}

function existing(path: string): Failure {
  return new Failure(
    EXIT.refused,
    'file_exists',
    `${path} exists already and was not touched. Name another file with --secrets-to.`,
  );
}

export function secretsAsJson(secrets: readonly NewSecret[]): object {
  return {
    service_keys: revealedOf(secrets, 'service_key'),
    webhook_secrets: revealedOf(secrets, 'webhook_secret'),
  };
}

export function secretsInText(secrets: readonly NewSecret[]): string {
  return [
    'These are not shown again:',
    ...secrets.map(
      ({ kind, name, secret }) =>
        `  ${kind === 'service_key' ? 'key of the service' : 'secret of the webhook'} ${name}:  ${secret.reveal()}`,
    ),
  ].join('\n');
}

function revealedOf(secrets: readonly NewSecret[], kind: NewSecret['kind']): Record<string, string> {
  const some = secrets.filter((each) => each.kind === kind);
  return Object.fromEntries(some.map(({ name, secret }) => [name, secret.reveal()]));
}
