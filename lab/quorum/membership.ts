/** Scenarios of servers that come, go, and come back without their disk. */
import type { Scenario } from './scenario.ts';
import { ALL, act, call, caughtUp, FOLLOWERS, get, post, served, unserved } from './steps.ts';

/** A server notices within an election timeout that nobody leads it any more. */
const FORGOTTEN_MS = 3000;

export const MEMBERSHIP: readonly Scenario[] = [
  {
    name: 'join-leave',
    about: 'A fourth server joins while clients write, counts, and leaves again.',
    nodes: 3,
    steps: [
      { kind: 'add' },
      unserved('newcomer'),
      { kind: 'join', who: 'newcomer', measure: 'it had joined after' },
      served([...ALL, 'newcomer']),
      act('kill', 'follower'),
      served(['leader', 'other', 'newcomer']),
      act('kill', 'other'),
      unserved('leader', 'newcomer'),
      act('start', 'follower'),
      act('start', 'other'),
      served([...ALL, 'newcomer']),
      { kind: 'leave', who: 'newcomer', measure: 'it had left after' },
      // Until it misses the leader it may ask it for an index: what it then serves is not stale.
      call('newcomer', get('/ready'), 503, undefined, FORGOTTEN_MS),
      unserved('newcomer'),
      act('kill', 'follower'),
      served(['leader', 'other']),
      act('start', 'follower'),
      served(ALL),
    ],
  },
  {
    name: 'wiped-voter',
    about:
      'A voter that lost its disk may have voted: it is refused and has no second vote, until it ' +
      'has left and joined again.',
    nodes: 3,
    steps: [
      act('stop', 'follower'),
      act('wipe', 'follower'),
      act('start', 'follower'),
      served(['leader', 'other']),
      unserved('follower'),
      call('follower', get('/ready'), 503),
      act('kill', 'leader'),
      unserved('follower', 'other'),
      act('start', 'leader'),
      served(['leader', 'other']),
      { kind: 'leave', who: 'follower', measure: 'it had left after' },
      { kind: 'join', who: 'follower', measure: 'it had joined again after' },
      caughtUp(['follower']),
      act('kill', 'leader'),
      served(FOLLOWERS, 'writes were served again after'),
      act('start', 'leader'),
      served(ALL),
    ],
  },
  {
    name: 'majority-lost',
    about:
      'Two of three disks are lost: the server that is left goes on alone, with all that it ' +
      'holds, and two blank ones join it.',
    nodes: 3,
    steps: [
      call('leader', post('/kv/put', { key: 'held', value: 'by all' }), 200),
      act('kill', 'follower', 'other'),
      act('wipe', 'follower', 'other'),
      unserved('leader'),
      act('stop', 'leader'),
      act('recover', 'leader'),
      act('start', 'leader'),
      served(['leader'], 'the one that is left served after'),
      call('leader', get('/kv/get?key=held'), 200, { value: 'by all' }),
      act('start', 'follower'),
      { kind: 'join', who: 'follower', measure: 'the first blank one had joined after' },
      act('start', 'other'),
      { kind: 'join', who: 'other', measure: 'the second blank one had joined after' },
      served(ALL),
      act('kill', 'leader'),
      served(FOLLOWERS, 'writes were served again after'),
      act('start', 'leader'),
      served(ALL),
    ],
  },
];
