/** What an app can be told by webhook. */
export const EVENT_TYPES = [
  'grant.connected',
  'grant.scopes_changed',
  'grant.expiring',
  'grant.reconnect_required',
  'grant.disconnected',
  'slots.nearly_full',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];
