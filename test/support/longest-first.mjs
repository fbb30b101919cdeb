import Sequencer from '@jest/test-sequencer';

/** What takes long begins first, also in a fresh clone, where Jest knows no durations yet. */
const LONGEST = [
  'test/codebase/',
  'test/cli/',
  'test/webhooks',
  'test/security-events',
  'test/get-access-token',
  'test/trying/',
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
