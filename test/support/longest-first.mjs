import Sequencer from '@jest/test-sequencer';
import { EXHAUSTIVE } from './exhaustive.mjs';

/** What takes long begins first, also in a fresh clone, where Jest knows no durations yet. */
const LONGEST = [
  'test/codebase/codebase',
  ...EXHAUSTIVE,
  'test/trying/',
  'test/console/pages',
  'test/webhooks',
  'test/cli/',
  'test/clients/',
  'test/libraries/',
];

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const place = LONGEST.findIndex((part) => path.includes(part));
      return place < 0 ? LONGEST.length : place;
    };
    return [...tests].sort((a, b) => rank(a) - rank(b));
  }
}
