import { Injectable } from '@nestjs/common';
import { IntegrityAlarm } from '../../domain/ports/integrity-alarm.js';

/** A command has no log and no metrics: what it could not verify is part of its own answer. */
@Injectable()
export class IntegrityNotes extends IntegrityAlarm {
  override raise(): void {
    // Nothing to add.
  }
}
