/** The query of a route that has no parameters: all that is sent is refused, as a likely typo. */
// oxlint-disable-next-line typescript/no-extraneous-class -- it declares that there is nothing
export class NoQuery {}
