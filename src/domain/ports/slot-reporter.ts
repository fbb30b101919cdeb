/** Notified when an account has taken nine tenths of its slots for a client, or of those across all clients. */
export abstract class SlotReporter {
  abstract nearlyFull(slots: {
    readonly client: string;
    readonly grantId: string;
    readonly used: number;
    readonly limit: number;
  }): void;

  /** @param slots `limit` is the broker's own (ACCOUNT_SLOT_LIMIT): Google's is not published */
  abstract accountNearlyFull(slots: {
    readonly client: string;
    readonly grantId: string;
    readonly used: number;
    readonly limit: number;
  }): void;
}
