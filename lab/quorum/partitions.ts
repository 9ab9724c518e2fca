/** Scenarios of links that carry nothing, too late, or not all. */
import type { Scenario, Step } from './scenario.ts';
import { ALL, apart, caughtUp, FOLLOWERS, heal, hold, links, served, unserved } from './steps.ts';

const LEADER = ['leader'] as const;
const FOLLOWER = ['follower'] as const;

/** Slow for a second and well for a second, so often. */
function flapping(delayMs: number, jitterMs: number, times: number): Step[] {
  return Array.from({ length: times }, () => [
    links(ALL, ALL, { delayMs, jitterMs }),
    hold(1000),
    heal,
    hold(1000),
  ]).flat();
}

export const PARTITIONS: readonly Scenario[] = [
  {
    name: 'partition-2-1',
    about: 'Two servers that see each other serve; the third, cut off, does not.',
    nodes: 3,
    steps: [
      ...apart(['leader', 'other'], FOLLOWER),
      served(['leader', 'other']),
      unserved('follower'),
      served(['leader', 'other']),
      heal,
      caughtUp(FOLLOWER, 'it had caught up after'),
      served(ALL),
    ],
  },
  {
    name: 'leader-isolated',
    about: 'A leader that is cut off steps down and serves nothing; the others go on without it.',
    nodes: 3,
    steps: [
      ...apart(LEADER, FOLLOWERS),
      served(FOLLOWERS, 'writes were served again after'),
      unserved('leader'),
      served(FOLLOWERS),
      heal,
      caughtUp(LEADER, 'it had caught up after'),
      served(ALL),
    ],
  },
  {
    name: 'leader-cannot-hear',
    about: 'A leader that is heard but hears nobody gives way (§6.2) instead of holding on.',
    nodes: 3,
    steps: [
      links(FOLLOWERS, LEADER, { cut: true }),
      served(FOLLOWERS, 'writes were served again after'),
      unserved('leader'),
      heal,
      caughtUp(LEADER, 'it had caught up after'),
      served(ALL),
    ],
  },
  {
    name: 'leader-cannot-be-heard',
    about: 'A leader that hears but is not heard is replaced.',
    nodes: 3,
    steps: [
      links(LEADER, FOLLOWERS, { cut: true }),
      served(FOLLOWERS, 'writes were served again after'),
      unserved('leader'),
      heal,
      caughtUp(LEADER, 'it had caught up after'),
      served(ALL),
    ],
  },
  {
    name: 'flapping-200ms',
    about: 'Links are 200 ± 50 ms slow for a second, well for a second, four times.',
    nodes: 3,
    steps: [...flapping(200, 50, 4), served(ALL, 'writes were served again after')],
  },
  {
    name: 'flapping-800ms',
    about: 'Links are 800 ± 200 ms slow for a second, well for a second, four times.',
    nodes: 3,
    steps: [...flapping(800, 200, 4), served(ALL, 'writes were served again after')],
  },
  {
    name: 'catch-up',
    about: 'A follower that loses 30 % of all messages, both ways, falls behind and catches up.',
    nodes: 3,
    steps: [
      links(FOLLOWER, ['leader', 'other'], { loss: 0.3 }),
      links(['leader', 'other'], FOLLOWER, { loss: 0.3 }),
      hold(3000),
      served(['leader', 'other']),
      heal,
      caughtUp(FOLLOWER, 'it had caught up after'),
      served(ALL),
    ],
  },
];
