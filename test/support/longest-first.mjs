import Sequencer from '@jest/test-sequencer';

/** What takes long begins first, also in a fresh clone, where Jest knows no durations yet. */
const LONGEST = [
  'test/codebase/codebase',
  'test/workers',
  'test/changes',
  'test/replicas',
  'test/hostile-answers',
  'test/warm-path',
  'test/clocks',
  'test/poolers',
  'test/trying/',
  'test/security-events',
  'test/database-faults',
  'test/revocation',
  'test/tampering',
  'test/fair-turns',
  'test/bench',
  'test/cli/',
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
