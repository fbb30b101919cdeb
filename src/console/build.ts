/** What was built: a class, so that Nest injects it. */
export class Build {
  /** @param version as in package.json */
  constructor(readonly version: string) {}
}
