import { describe, expect, test } from '@jest/globals';
import { CircuitBreaker, OPEN_MS, type Verdict } from './circuit-breaker.js';

function circuit() {
  const clock = { ms: 0 };
  const breaker = new CircuitBreaker(() => clock.ms);
  const judge = (verdict: Verdict, times: number) =>
    Array.from({ length: times }, () => breaker.judge('pass', verdict)).at(-1);
  /** Open since now. */
  const opened = () => {
    judge('outage', 19);
    expect(judge('outage', 1)).toBe('opened');
  };
  return { clock, breaker, judge, opened };
}

describe('the circuit breaker', () => {
  test('opens with the twentieth response when more than six of ten are outages', () => {
    const { breaker, judge } = circuit();
    judge('answers', 7);
    expect(judge('outage', 12)).toBeNull();
    expect(breaker.enter()).toBe('pass');
    expect(judge('outage', 1)).toBe('opened');
    expect(breaker.enter()).toBe('open');
  });

  test('stays closed when six of ten are outages', () => {
    const { breaker, judge } = circuit();
    judge('answers', 40);
    expect(judge('outage', 60)).toBeNull();
    expect(breaker.enter()).toBe('pass');
  });

  test('forgets responses after ten seconds, and counts no request that was not sent', () => {
    const { clock, judge } = circuit();
    judge('outage', 19);
    judge('nothing', 100);
    clock.ms = 10_000;
    expect(judge('outage', 19)).toBeNull();
    expect(judge('outage', 1)).toBe('opened');
  });

  test('lets one probe through after five seconds', () => {
    const { clock, breaker, opened } = circuit();
    opened();
    clock.ms += OPEN_MS - 1;
    expect(breaker.enter()).toBe('open');
    clock.ms += 1;
    expect([breaker.enter(), breaker.enter()]).toEqual(['probe', 'half_open']);
  });

  test('closes after a probe with an answer, and has forgotten the outages', () => {
    const { clock, breaker, judge, opened } = circuit();
    opened();
    clock.ms += OPEN_MS;
    breaker.enter();
    expect(breaker.judge('probe', 'answers')).toBe('closed');
    expect(judge('outage', 19)).toBeNull();
    expect(breaker.enter()).toBe('pass');
  });

  test('stays open for five more seconds after a probe that fails', () => {
    const { clock, breaker, opened } = circuit();
    opened();
    clock.ms += OPEN_MS;
    breaker.enter();
    expect(breaker.judge('probe', 'outage')).toBeNull();
    clock.ms += OPEN_MS - 1;
    expect(breaker.enter()).toBe('open');
    clock.ms += 1;
    expect(breaker.enter()).toBe('probe');
  });

  test('lets the next request be the probe after one that was not sent', () => {
    const { clock, breaker, opened } = circuit();
    opened();
    clock.ms += OPEN_MS;
    breaker.enter();
    breaker.judge('probe', 'nothing');
    expect(breaker.enter()).toBe('probe');
  });
});
