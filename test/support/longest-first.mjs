import Sequencer from '@jest/test-sequencer';
import { EXHAUSTIVE } from './exhaustive.mjs';

/** What takes long begins first, also in a fresh clone, where Jest knows no durations yet. */
const SLOW_TESTS = [
  'test/codebase/codebase',
  ...EXHAUSTIVE,
  'test/trial/',
  'test/console/pages',
  'test/webhooks/webhooks',
  'test/cli/',
  'test/clients/',
  'test/libraries/',
];

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const place = SLOW_TESTS.findIndex((part) => path.includes(part));
      return place < 0 ? SLOW_TESTS.length : place;
    };
    return [...tests].sort((a, b) => rank(a) - rank(b));
  }
}
