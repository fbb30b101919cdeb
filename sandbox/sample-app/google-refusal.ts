/** Google refused the token or the query. */
export class GoogleRefusal extends Error {
  override readonly name = 'GoogleRefusal';

  /**
   * @param status of Google's answer; null where there was none
   * @param answer its JSON, if it had any
   */
  constructor(
    readonly status: number | null,
    message: string,
    readonly answer?: unknown,
  ) {
    super(message);
  }

  /** The token itself, and not what was asked with it. */
  get isOfToken(): boolean {
    return this.status === 401;
  }
}
