/** Notified when an account has taken nine tenths of its slots for a client. */
export abstract class SlotReporter {
  abstract nearlyFull(slots: {
    readonly client: string;
    readonly grantId: string;
    readonly used: number;
    readonly limit: number;
  }): void;
}
