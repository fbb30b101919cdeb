/** Paths of pages that others link to. */
export const userPath = (userId: string): string => `/console/users/${encodeURIComponent(userId)}`;
export const grantPath = (grantId: string): string => `/console/grants/${encodeURIComponent(grantId)}`;
export const ticketPath = (id: string): string => `/console/tickets/${encodeURIComponent(id)}`;
export const linkPath = (userId: string): string => `${userPath(userId)}/link`;
