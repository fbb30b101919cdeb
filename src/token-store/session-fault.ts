/** A setting of the session that the broker does not work with, and that it could not set itself. */
export class SessionFault extends Error {
  override readonly name = 'SessionFault';

  /** @param remedy the value that the role needs, as SQL; null where no role can have it */
  constructor(
    readonly setting: string,
    what: string,
    remedy: string | null,
  ) {
    const advice =
      remedy === null ? '' : ` Run ALTER ROLE … SET ${setting} = ${remedy} for the role of DATABASE_URL.`;
    super(`gives sessions in which ${setting} ${what}.${advice}`);
  }
}
