import { Injectable } from '@nestjs/common';
import { SlotAlarm } from '../../domain/ports/slot-alarm.js';

/** Keeps what the broker would say in its log, for the answer of the command. */
@Injectable()
export class SlotNotes extends SlotAlarm {
  readonly #notes: string[] = [];

  override nearlyFull({ client, used, limit }: Parameters<SlotAlarm['nearlyFull']>[0]): void {
    this.#notes.push(
      `Careful: this account holds ${used} of the ${limit} refresh tokens that Google allows it for the client ${client}. ` +
        'At the limit, Google ends the oldest.',
    );
  }

  get notes(): readonly string[] {
    return this.#notes;
  }
}
