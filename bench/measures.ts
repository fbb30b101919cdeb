/** Every measure, in the order of the page. */
import type { Measure } from './measure.js';
import { betterAuth } from './measures/better-auth.js';
import { deadGrant } from './measures/dead-grant.js';
import { disconnect } from './measures/disconnect.js';
import { distributed } from './measures/distributed.js';
import { expiredCrowd } from './measures/expired-crowd.js';
import { expired } from './measures/expired.js';
import { growth } from './measures/growth.js';
import { memory } from './measures/memory.js';
import { oneTokenCrowd } from './measures/one-token-crowd.js';
import { refreshProcessor } from './measures/refresh-processor.js';
import { refreshWal } from './measures/refresh-wal.js';
import { refusals } from './measures/refusals.js';
import { rowRead } from './measures/row-read.js';
import { size } from './measures/size.js';
import { start } from './measures/start.js';
import { tokenExchange } from './measures/token-exchange.js';
import { warm } from './measures/warm.js';
import { workers } from './measures/workers.js';
import { workloadJwt } from './measures/workload-jwt.js';

export const MEASURES: readonly Measure<unknown>[] = [
  warm,
  betterAuth,
  refusals,
  workloadJwt,
  tokenExchange,
  rowRead,
  growth,
  size,
  distributed,
  expired,
  refreshProcessor,
  refreshWal,
  expiredCrowd,
  oneTokenCrowd,
  deadGrant,
  disconnect,
  workers,
  start,
  memory,
];
