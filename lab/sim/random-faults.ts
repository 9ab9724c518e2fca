/**
 * Random schedules of faults, and of what an operator does meanwhile. Half of them aim at whoever
 * leads, and some come in storms: a leader struck as soon as it is elected, and the next one, which
 * is what the rarest bugs need.
 */
import { between, chance, pick, type RandomState } from '../../src/raft/random.ts';
import type { NodeId } from '../../src/raft/types.ts';
import type { LinkSettings } from '../../src/transport/link.ts';
import type { Fault, FaultAction, Target } from '../faults.ts';
import type { Place } from '../places.ts';

export type FaultPlan = {
  /** All servers, spares included. */
  readonly nodes: readonly NodeId[];
  /** Those whose disk may be damaged beyond what a server can start from. */
  readonly expendable: readonly NodeId[];
  readonly count: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** The longest election timeout: the scale of how long faults last. */
  readonly electionTimeoutMs: number;
  /** Clocks stay within the bound that leases count on (§6.4.1). */
  readonly steadyClocks: boolean;
  /** Servers join, leave, and lose their disks. */
  readonly membership: boolean;
};

type Kind =
  | 'crash'
  | 'powerFailure'
  | 'storm'
  | 'partition'
  | 'graph'
  | 'oneWay'
  | 'pause'
  | 'suspend'
  | 'links'
  | 'lateNews'
  | 'figureEight'
  | 'ambush'
  | 'clock'
  | 'slowDisk'
  | 'fullDisk'
  | 'corruptDisk'
  | Operation;

type Operation = 'transfer' | 'snapshot' | MembershipOperation;
type MembershipOperation =
  | 'join'
  | 'joinBlank'
  | 'leave'
  | 'learn'
  | 'replace'
  | 'comeAndGo'
  | 'configure';

const WEIGHTS: readonly (readonly [Kind, number])[] = [
  ['crash', 22],
  ['powerFailure', 6],
  ['storm', 14],
  ['partition', 20],
  ['graph', 10],
  ['oneWay', 8],
  ['pause', 7],
  ['suspend', 3],
  ['links', 14],
  ['lateNews', 5],
  ['figureEight', 5],
  ['ambush', 14],
  ['clock', 4],
  ['slowDisk', 6],
  ['fullDisk', 3],
  ['corruptDisk', 1],
  ['transfer', 8],
  ['snapshot', 6],
];

const MEMBERSHIP_WEIGHTS: readonly (readonly [MembershipOperation, number])[] = [
  ['join', 14],
  ['leave', 8],
  ['comeAndGo', 6],
  ['configure', 8],
  ['replace', 8],
  ['learn', 3],
  ['joinBlank', 3],
];
/** What makes a clock run otherwise than its settings say. */
const UNSTEADY: readonly Kind[] = ['clock', 'suspend'];

export function randomFaults(rng: RandomState, plan: FaultPlan): FaultAction[] {
  const actions: FaultAction[] = [];
  const damaged = new Set<NodeId>();
  const weights = plan.membership ? [...WEIGHTS, ...MEMBERSHIP_WEIGHTS] : WEIGHTS;
  const pool = weights
    .filter(([kind]) => !plan.steadyClocks || !UNSTEADY.includes(kind))
    .flatMap(([kind, weight]) => new Array<Kind>(weight).fill(kind));
  while (actions.length < plan.count) {
    const atMs = between(rng, plan.fromMs, plan.toMs);
    const drawn = draw(pick(rng, pool), atMs, rng, plan, damaged);
    actions.push(...drawn.filter((action) => action.atMs <= plan.toMs));
  }
  return actions.sort((a, b) => a.atMs - b.atMs);
}

function draw(
  kind: Kind,
  atMs: number,
  rng: RandomState,
  plan: FaultPlan,
  damaged: Set<NodeId>,
): FaultAction[] {
  const node = someone(rng, plan.nodes);
  const forMs = length(rng, plan);
  switch (kind) {
    case 'crash':
      return [{ atMs, fault: { kind: 'crash', node }, forMs: downtime(rng, plan) }];
    case 'powerFailure':
      return plan.nodes.map((id) => {
        const fault: Fault = { kind: 'crash', node: id };
        return { atMs, fault, forMs: downtime(rng, plan) };
      });
    case 'storm':
      return storm(atMs, rng, plan);
    case 'partition':
      return [{ atMs, fault: { kind: 'partition', groups: groups(rng, plan.nodes) }, forMs }];
    case 'graph':
      return [{ atMs, fault: { kind: 'cut', links: graph(rng, plan.nodes) }, forMs }];
    case 'oneWay':
      return [{ atMs, fault: { kind: 'cut', links: oneWay(rng, plan.nodes) }, forMs }];
    case 'pause':
    case 'suspend':
      return [{ atMs, fault: { kind, node }, forMs }];
    case 'links':
      return [{ atMs, fault: badLinks(rng, node, plan), forMs }];
    case 'lateNews':
      return lateNews(atMs, rng, plan);
    case 'figureEight':
      return figureEight(atMs, rng, plan);
    case 'ambush':
      return ambush(atMs, rng, plan);
    case 'clock':
      return [clockFault(atMs, rng, node, forMs)];
    case 'slowDisk': {
      const latencyMs = between(rng, 1, plan.electionTimeoutMs);
      return [{ atMs, fault: { kind: 'diskSlow', node, latencyMs }, forMs }];
    }
    case 'fullDisk':
      return [{ atMs, fault: { kind: 'diskFull', node }, forMs }];
    case 'corruptDisk':
      return corruption(atMs, rng, plan, damaged);
    default:
      return operation(kind, atMs, rng, plan);
  }
}

/** What an operator does, often at the worst moment: while a leader is struck, or just elected. */
function operation(
  kind: Operation,
  atMs: number,
  rng: RandomState,
  plan: FaultPlan,
): FaultAction[] {
  const node = pick(rng, plan.nodes);
  const other = pick(rng, plan.nodes);
  const soon = (): number => atMs + between(rng, 1, 2 * plan.electionTimeoutMs);
  const struck: Fault = pick(rng, [
    { kind: 'crash', node: 'leader' },
    { kind: 'partition', groups: [['leader']] },
    { kind: 'pause', node: 'leader' },
  ]);
  const strike = { atMs: soon(), fault: struck, forMs: length(rng, plan) };
  const strikes = chance(rng, 0.4) ? [strike] : [];
  const elected = chance(rng, 0.3) ? { when: { kind: 'leaderElected' } as const } : {};
  switch (kind) {
    case 'transfer':
      return [{ atMs, ...elected, fault: { kind, to: chance(rng, 0.5) ? 'follower' : node } }];
    case 'snapshot':
      return [{ atMs, fault: { kind, node: someone(rng, plan.nodes) } }];
    case 'join': {
      // Who does not answer is not waited for for ever (§4.2.1).
      const forMs = plan.electionTimeoutMs * between(rng, 4, 16);
      const absent: FaultAction = { atMs, fault: { kind: 'partition', groups: [[node]] }, forMs };
      const absents = chance(rng, 0.25) ? [absent] : [];
      return [...absents, { atMs, ...elected, fault: { kind, node } }, ...strikes];
    }
    case 'joinBlank':
    case 'learn':
      return [{ atMs, ...elected, fault: { kind, node } }, ...strikes];
    case 'leave':
      return [{ atMs, ...elected, fault: { kind, node: someone(rng, plan.nodes) } }, ...strikes];
    case 'configure': {
      const most = shuffle(rng, plan.nodes);
      const voters = most.slice(0, between(rng, Math.min(3, most.length), most.length)).sort();
      return [{ atMs, ...elected, fault: { kind, voters } }, ...strikes];
    }
    case 'comeAndGo':
      return [
        { atMs, fault: { kind: 'join', node } },
        { atMs: soon(), fault: { kind: 'leave', node: other } },
        ...strikes,
      ];
    case 'replace':
      return [
        { atMs, fault: { kind: 'wipe', node } },
        { atMs: soon(), fault: { kind: 'join', node } },
        ...strikes,
      ];
  }
}

/** Whoever leads, as often as any certain node. */
function someone(rng: RandomState, nodes: readonly NodeId[]): Target {
  return chance(rng, 0.5) ? 'leader' : pick(rng, nodes);
}

/** From a fraction of an election timeout to several. */
function length(rng: RandomState, { electionTimeoutMs }: FaultPlan): number {
  return between(rng, Math.floor(electionTimeoutMs / 4), electionTimeoutMs * pick(rng, [1, 3, 8]));
}

/** Often so short that the others notice nothing, and the term is still the same afterwards. */
function downtime(rng: RandomState, plan: FaultPlan): number {
  return chance(rng, 0.4) ? between(rng, 1, 30) : length(rng, plan);
}

/** New leaders are struck one after the other, at once or after they got a little done. */
function storm(atMs: number, rng: RandomState, plan: FaultPlan): FaultAction[] {
  const { electionTimeoutMs, nodes } = plan;
  const rounds = between(rng, 2, 5);
  return Array.from({ length: rounds }, (_, round) => {
    const fault = pick<Fault>(rng, [
      { kind: 'crash', node: 'leader' },
      { kind: 'partition', groups: [['leader']] },
      { kind: 'partition', groups: [['leader', pick(rng, nodes)]] },
      { kind: 'pause', node: 'leader' },
    ]);
    return {
      atMs: atMs + round * Math.floor(electionTimeoutMs * 1.5) + between(rng, 0, 50),
      ...(chance(rng, 0.7) ? { when: { kind: 'leaderElected' } as const } : {}),
      fault,
      forMs: between(rng, 20, electionTimeoutMs * 4),
    };
  });
}

function groups(rng: RandomState, nodes: readonly NodeId[]): Target[][] {
  const shuffled = shuffle(rng, nodes);
  const cut = between(rng, 1, nodes.length - 1);
  const shape = between(rng, 0, 3);
  // One node, halves, and all apart.
  if (shape === 0) return [['leader']];
  if (shape === 1) return [[pick(rng, nodes)]];
  if (shape === 2) return [shuffled.slice(0, cut)];
  return nodes.map((id) => [id]);
}

/** Connections that are no equivalence: who can talk to whom differs for each. */
function graph(rng: RandomState, nodes: readonly NodeId[]): [Target, Target][] {
  const circle = shuffle(rng, nodes);
  const { length: n } = circle;
  const apart = (a: number, b: number): number => Math.min((a - b + n) % n, (b - a + n) % n);
  const reach = Math.floor(n / 4) + 1;
  const connected = pick(rng, [
    // A ring in which each one sees another majority.
    (a: number, b: number) => apart(a, b) <= reach && apart(a, b) < n - 1,
    // A hub that alone sees all.
    (a: number, b: number) => a === 0 || b === 0,
    // A chain.
    (a: number, b: number) => Math.abs(a - b) === 1,
    // Two halves, and a bridge that is in both.
    (a: number, b: number) => a === 0 || b === 0 || a % 2 === b % 2,
  ]);
  const links: [Target, Target][] = [];
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < n; b++) {
      if (a !== b && !connected(a, b)) links.push([circle[a] as NodeId, circle[b] as NodeId]);
    }
  }
  // In a cluster of two or three some of these shapes cut nothing.
  return links.length > 0 ? links : [[circle[0] as NodeId, circle[1] as NodeId]];
}

/** A node that hears and is not heard, or is heard and does not hear. */
function oneWay(rng: RandomState, nodes: readonly NodeId[]): [Target, Target][] {
  const node = someone(rng, nodes);
  const deaf = chance(rng, 0.5);
  return nodes
    .filter((other) => other !== node)
    .map((other): [Target, Target] => (deaf ? [other, node] : [node, other]));
}

/** Most of what is much delayed overtakes; the rest arrives in another leader's time. */
function badLinks(rng: RandomState, node: Target, { electionTimeoutMs }: FaultPlan): Fault {
  const settings = pick<Partial<LinkSettings>>(rng, [
    { loss: 0.3, burst: 0 },
    { loss: 0.8, burst: 0 },
    { duplicate: 0.5 },
    { delayMs: 40, jitterMs: 40 },
    { delayMs: electionTimeoutMs * 2, jitterMs: electionTimeoutMs, reorder: 0.7 },
    { delayMs: electionTimeoutMs * 4, jitterMs: electionTimeoutMs * 2, reorder: 0.9 },
    { corrupt: 0.2 },
    { bytesPerSecond: 20_000, queueBytes: 4000 },
  ]);
  const ends = pick(rng, [
    { from: '*', to: '*' },
    { from: node, to: '*' },
    { from: '*', to: node },
  ] as const);
  return { kind: 'link', ...ends, settings };
}

/**
 * A leader that is no longer one and does not know: what reaches it is late, and then nobody hears
 * it any more.
 */
function lateNews(atMs: number, rng: RandomState, plan: FaultPlan): FaultAction[] {
  const { electionTimeoutMs, nodes } = plan;
  const settings = { delayMs: electionTimeoutMs * between(rng, 1, 4), jitterMs: 0 };
  const forMs = electionTimeoutMs * 8;
  const links = nodes.map((id): [Target, Target] => ['leader', id]);
  return [
    { atMs, fault: { kind: 'link', from: '*', to: 'leader', settings }, forMs },
    { atMs: atMs + between(rng, 1, 60), fault: { kind: 'cut', links }, forMs },
  ];
}

/**
 * Figure 3.7 (figure 8 of the paper): a leader alone gathers entries; the next one is cut off with
 * its first entry; the one before leads again, and is struck as soon as it has committed.
 */
function figureEight(atMs: number, rng: RandomState, plan: FaultPlan): FaultAction[] {
  const { electionTimeoutMs } = plan;
  const alone: Fault = { kind: 'partition', groups: [['leader']] };
  const aloneMs = electionTimeoutMs * between(rng, 2, 5);
  const awayMs = electionTimeoutMs * between(rng, 6, 12);
  const strike = pick<Fault>(rng, [alone, { kind: 'crash', node: 'leader' }]);
  return [
    { atMs, fault: alone, forMs: aloneMs },
    { atMs: atMs + 1, when: { kind: 'leaderElected' }, fault: alone, forMs: awayMs },
    {
      atMs: atMs + aloneMs,
      when: { kind: 'latestCommitted', nodes: 1 },
      fault: strike,
      forMs: awayMs,
    },
  ];
}

/** Places that are come to at other moments than elections and commits. */
const AMBUSHES: readonly Place[] = [
  'votePersisted',
  'entriesTruncated',
  'compactionRecorded',
  'snapshotBegun',
  'snapshotSaved',
  'snapshotReceiving',
  'laterChunkSent',
  'snapshotReceived',
  'snapshotInstalled',
  'readIndexAsked',
  'readIndexAnswered',
  'timeoutNowSent',
  'electedByTransfer',
  'answeredNotLeader',
  'answeredNotExecuted',
  'answeredOutcomeUnknown',
];
const MEMBERSHIP_AMBUSHES: readonly Place[] = [
  'jointAppended',
  'jointAppended',
  'learnerAppended',
  'jointAppended',
  'finalAppended',
  'learnerApplied',
  'jointApplied',
  'finalApplied',
  'electedInJoint',
];

/**
 * Strikes where a server comes to a certain place: the server itself, who leads then, or the links
 * between them; now and then several places one after the other.
 */
function ambush(atMs: number, rng: RandomState, plan: FaultPlan): FaultAction[] {
  const places = plan.membership ? [...AMBUSHES, ...MEMBERSHIP_AMBUSHES] : AMBUSHES;
  const leases: readonly Place[] = ['leaseUsed', 'leaseAfterTransfer'];
  const all = plan.steadyClocks ? [...places, ...leases] : places;
  return Array.from({ length: pick(rng, [1, 1, 2, 3]) }, (_, i) => {
    const place = pick(rng, all);
    const fault = pick<Fault>(rng, [
      { kind: 'crash', node: 'there' },
      { kind: 'crash', node: 'there' },
      { kind: 'crash', node: 'leader' },
      { kind: 'pause', node: 'there' },
      { kind: 'partition', groups: [['there']] },
      { kind: 'partition', groups: [['leader']] },
      { kind: 'diskSlow', node: 'there', latencyMs: plan.electionTimeoutMs },
      { kind: 'link', from: 'there', to: '*', settings: { delayMs: plan.electionTimeoutMs } },
      { kind: 'link', from: '*', to: 'there', settings: { duplicate: 1 } },
    ]);
    const forMs = fault.kind === 'crash' ? downtime(rng, plan) : length(rng, plan);
    const fromMs = atMs + i * between(rng, 0, plan.electionTimeoutMs);
    return { atMs: fromMs, when: { kind: 'reached', place }, fault, forMs };
  });
}

function clockFault(atMs: number, rng: RandomState, node: Target, forMs: number): FaultAction {
  const jumpMs = between(rng, -500, 2000);
  const driftPpm = between(rng, -300_000, 300_000);
  if (chance(rng, 0.5)) return { atMs, fault: { kind: 'clockJump', node, jumpMs } };
  return { atMs, fault: { kind: 'clockDrift', node, driftPpm }, forMs };
}

/** A bit rots on the disk of a server that is down: it must not start again. */
function corruption(
  atMs: number,
  rng: RandomState,
  { expendable }: FaultPlan,
  damaged: Set<NodeId>,
): FaultAction[] {
  const left = expendable.filter((id) => !damaged.has(id));
  if (left.length === 0) return [];
  const node = pick(rng, left);
  damaged.add(node);
  return [
    { atMs, fault: { kind: 'crash', node }, forMs: 200 },
    { atMs: atMs + 100, fault: { kind: 'diskCorrupt', node } },
  ];
}

function shuffle<T>(rng: RandomState, items: readonly T[]): T[] {
  const shuffled = items.slice();
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = between(rng, 0, i);
    [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
  }
  return shuffled;
}
