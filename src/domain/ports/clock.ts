/** The time. Tests move it; everything that depends on time asks here. */
export abstract class Clock {
  abstract now(): Date;
}
