import type { ConnectEnd } from '../connect-end.js';

/** Told how each connect ended, so that an operator can see why connects fail. */
export abstract class ConnectMonitor {
  abstract ended(end: ConnectEnd): void;
}
