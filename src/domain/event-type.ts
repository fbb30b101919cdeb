/** What an app can be told by webhook. */
export type EventType =
  | 'grant.connected'
  | 'grant.scopes_changed'
  | 'grant.expiring'
  | 'grant.reconnect_required'
  | 'grant.disconnected'
  | 'slots.nearly_full';
