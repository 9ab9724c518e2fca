/** Why it comes out so: each sentence is said where the data bear it out. */
import { milliseconds, sharePercent, shortNumber } from '../../lab/report/table.ts';
import type { Cell } from './partition.ts';
import { isDown, type Summary } from './summary.ts';
import type { TopologyName } from './topologies.ts';
import type { VariantName } from './variants.ts';

type Find = (
  topology: TopologyName,
  load: Cell['load'],
  variant: VariantName,
) => Summary | undefined;

export function reasonsOf(summaries: readonly Summary[]): string[] {
  const find: Find = (topology, load, variant) =>
    summaries.find(
      ({ cell }) => cell.topology === topology && cell.load === load && cell.variant === variant,
    );
  return [constrained, hub, bridge, deaf, livelock, leaves, returning, flapping].flatMap(
    (reason) => reason(find, summaries) ?? [],
  );
}

type Reason = (find: Find, summaries: readonly Summary[]) => string | null;

const constrained: Reason = (_find, summaries) => {
  const own = summaries.filter(({ cell }) => cell.topology === 'constrained');
  if (own.length === 0 || !own.every(isDown)) return null;
  return (
    'Constrained election is beyond any refinement: the only server that sees a majority lacks ' +
    'what is committed, and whoever has it sees too few. Raft lets nobody lead and fetch entries ' +
    'afterwards (§3.6.1), which is what Omni-Paxos was made for.'
  );
};

const hub: Reason = (find) => {
  const alone = find('quorum-loss', 'loaded', 'prevote') ?? find('quorum-loss', 'idle', 'prevote');
  const plain = find('quorum-loss', 'loaded', 'plain') ?? find('quorum-loss', 'idle', 'plain');
  if (alone === undefined || plain === undefined || !isDown(alone) || isDown(plain)) return null;
  return (
    'Where only a hub sees a majority, plain Raft recovers because leaves with higher terms ' +
    'depose the leader. PreVote takes that away: no leaf gets beyond asking, the hub still ' +
    'hears its leader and asks nobody, and the leader, which commits nothing, stays. CheckQuorum ' +
    'gives it back.'
  );
};

const bridge: Reason = (find) => {
  const loaded = find('bridge', 'loaded', 'prevote');
  const idle = find('bridge', 'idle', 'prevote');
  if (loaded === undefined || idle === undefined || !isDown(loaded) || isDown(idle)) return null;
  return (
    'Behind the bridge, PreVote alone recovers when idle and stays down under load, without any ' +
    'stickiness: entries that the old leader goes on sending make the bridge’s log longer than ' +
    'those of the two others, so it refuses them, and it never campaigns itself.'
  );
};

const deaf: Reason = (find) => {
  const plain = find('deaf-leader', 'loaded', 'plain');
  const checked = find('deaf-leader', 'loaded', 'checkquorum');
  const both = find('deaf-leader', 'loaded', 'both-unsticky');
  if (plain === undefined || checked === undefined || both === undefined) return null;
  if (!isDown(plain) || checked.changes.value <= both.changes.value) return null;
  return (
    'A leader that is heard and does not hear silences everybody and commits nothing, until ' +
    'CheckQuorum makes it step down. CheckQuorum alone then has it campaign against each ' +
    `successor, ${changes(checked)}; PreVote beside it leaves ${changes(both)}.`
  );
};

const livelock: Reason = (find) => {
  const plain = find('chained', 'loaded', 'plain') ?? find('chained', 'idle', 'plain');
  if (plain === undefined || plain.changes.value < 1 || plain.availability.value < 0.9) return null;
  return (
    'In the chain the end that does not hear the leader deposes it, but not for ever: sooner or ' +
    'later the middle is elected, whom both ends hear. That takes ' +
    `${changes(plain)} here, with a gap of ${milliseconds(plain.gapMs.value)} (medians).`
  );
};

const leaves: Reason = (find) => {
  const names = ['two-leaf', 'ring'] as const;
  const restless = names.flatMap((name) => find(name, 'loaded', 'plain') ?? []);
  const settled = names.flatMap((name) => find(name, 'loaded', 'prevote') ?? []);
  const [worst] = restless.toSorted((a, b) => a.availability.value - b.availability.value);
  if (worst === undefined || settled.length < restless.length) return null;
  if (worst.changes.value < 3 || settled.some(({ changes: own }) => own.value > 1)) return null;
  return (
    'Servers that do not hear a working leader depose it again and again while they may raise ' +
    `terms: plain Raft serves ${sharePercent(worst.availability.value)} at worst. PreVote alone ` +
    'stops it: the leaves never find a majority, and in the ring those that do not hear the ' +
    'leader soon have older logs than their neighbours that do.'
  );
};

/** Stickiness ends the disturbance as PreVote does, and puts it off. */
const returning: Reason = (find) => {
  const names = ['chained', 'two-leaf', 'ring'] as const;
  const sticky = names.flatMap((name) => find(name, 'loaded', 'checkquorum-sticky') ?? []);
  const both = names.flatMap((name) => find(name, 'loaded', 'both') ?? []);
  if (sticky.length === 0 || both.length < sticky.length) return null;
  if (sticky.some(({ changes: own }) => own.value > 0)) return null;
  const gap = (of: readonly Summary[]): number =>
    Math.max(...of.map(({ healedGapMs }) => healedGapMs.value));
  const gain = Math.max(...sticky.map((own) => own.finalTerm.value - own.firstTerm.value));
  if (gap(sticky) < 2 * gap(both)) return null;
  return (
    'Stickiness protects a leader that a majority hears as well as PreVote does, and puts the ' +
    `disturbance off: terms rise by up to ${shortNumber(gain)} meanwhile, and when the network ` +
    `heals, whoever comes back with such a term deposes the leader, for ` +
    `${milliseconds(gap(sticky))} without a write (median). With PreVote beside it nothing is ` +
    'noticed.'
  );
};

const flapping: Reason = (find) => {
  const loose = find('cloudflare', 'idle', 'both-unsticky');
  const sticky = find('cloudflare', 'idle', 'both');
  if (loose === undefined || sticky === undefined) return null;
  if (loose.changes.value <= sticky.changes.value) return null;
  return (
    'What stickiness adds to PreVote and CheckQuorum shows where a link loses much and not all: ' +
    `idle, leadership goes back and forth without it, ${changes(loose)} (median), and with it ` +
    `there are ${shortNumber(sticky.changes.value)}. Under load older logs do the same service.`
  );
};

function changes({ changes: { value } }: Summary): string {
  const count = shortNumber(value);
  return count === '1' ? '1 leader change a partition' : `${count} leader changes a partition`;
}
