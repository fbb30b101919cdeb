/**
 * What the broker reports to its log and metrics, in a command, which has neither: kept for its result, or left out. Does not own what is
 * reported (domain/ports/reporters.ts).
 */
import { Injectable } from '@nestjs/common';
import { IntegrityReporter, SlotReporter } from '../../domain/ports/reporters.js';

/** What the broker would log, kept for the result of the command. */
@Injectable()
export class SlotNotes extends SlotReporter {
  readonly #notes: string[] = [];

  override nearlyFull({ client, used, limit }: Parameters<SlotReporter['nearlyFull']>[0]): void {
    this.#notes.push(
      `Careful: this account holds ${used} of the ${limit} refresh tokens that Google allows it for the client ${client}. ` +
        'At the limit, Google ends the oldest.',
    );
  }

  override accountNearlyFull({ used }: Parameters<SlotReporter['accountNearlyFull']>[0]): void {
    this.#notes.push(
      `Careful: this account holds ${used} refresh tokens across all clients. Google has a limit for these, too, which it ` +
        'does not publish.',
    );
  }

  get notes(): readonly string[] {
    return this.#notes;
  }
}

/** A command has no log and no metrics; what it cannot verify is part of its result. */
@Injectable()
export class SilentIntegrityReporter extends IntegrityReporter {
  override report(): void {
    // A command reports it as its result.
  }
}
