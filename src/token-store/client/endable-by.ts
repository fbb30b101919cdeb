/*
 * Which of a user's delegated credentials and connects a caller may end, as a filter of the query: a limit must count only
 * those. Does not own who may offboard a user (grants/users.controller.ts).
 */

/** Who ends them. A service ends its own in any case. */
interface Caller {
  /** Aliases as a policy names them; `*` means any. */
  readonly clients: readonly string[];
  /** Null: an operator. */
  readonly serviceId: string | null;
}

/** Those that are over by then need no end. */
export interface EndableOfUser extends Caller {
  readonly userId: string;
  readonly now: Date;
}

/** What is for any client (null, or `*`) can use all of them: only a caller for all clients, or its own service, ends it. */
export function endableBy({ clients, serviceId }: Caller) {
  if (clients.includes('*')) return {};
  const own = serviceId === null ? [] : [{ serviceId }];
  return { OR: [...own, { client: { in: [...clients] } }] };
}
