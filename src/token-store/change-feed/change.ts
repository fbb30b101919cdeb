/** What was changed: by this process, another replica, a command, an operator with SQL. */
export type Change =
  | { readonly kind: 'grant'; readonly userId: string; readonly client: string }
  | { readonly kind: 'services' }
  /** Anything may have changed, such as while changes were not heard. */
  | { readonly kind: 'everything' };

/** Why changes are not heard. */
export interface ChangesFault {
  readonly reason:
    | 'not_listening'
    | 'heartbeat_failed'
    | 'heartbeat_not_heard'
    | 'triggers_missing'
    | 'triggers_bypassed'
    | 'servers_differ';
  /** What was seen, for an operator; nothing secret. */
  readonly seen: Readonly<Record<string, unknown>>;
}
