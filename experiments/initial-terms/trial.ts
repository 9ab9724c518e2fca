/** One start of a cluster whose servers begin in terms of their own. */
import { PLAIN } from '../../lab/study/cluster.ts';
import { CampaignCluster, serverAt, settle } from '../../lab/study/failover.ts';
import type { Entry } from '../../src/raft/types.ts';
import { initialTerms, LOWEST_TERM, SERVERS, startOf } from './starts.ts';

export type Cell = { readonly terms: string; readonly preVote: boolean };

export type Sample = {
  /** From the start until somebody wins an election, … */
  readonly firstMs: number;
  /** … and until that one does whom all servers come to follow. */
  readonly leaderlessMs: number;
  /** Elections that were begun, and that were won, up to then. */
  readonly campaigns: number;
  readonly won: number;
  /** The first server that asked for votes won in that very term. */
  readonly firstWon: boolean;
  /** How far the term of the lasting leader lies above the highest that any server began in. */
  readonly termsAbove: number;
};

export const ELECTION_TIMEOUT_MS = [150, 300] as const;
export const HEARTBEAT_MS = 75;
export const LINK = { delayMs: 1, jitterMs: 0.5, distribution: 'uniform' } as const;
/** In every log but that of a server whose log is behind. */
const ENTRY: Entry = Object.freeze({ index: 1, term: LOWEST_TERM, kind: 'noop' });

export function trial({ preVote, terms: text }: Cell, seed: number): Sample {
  const start = startOf(text);
  if (start === undefined) throw new RangeError(`there is no start ${text}`);
  const timing = { electionTimeoutMs: ELECTION_TIMEOUT_MS, heartbeatMs: HEARTBEAT_MS };
  const plan = { seed, nodes: SERVERS, settings: { ...PLAIN, preVote, ...timing }, link: LINK };
  const cluster = new CampaignCluster(plan, () => null);
  const terms = initialTerms(start, seed);
  terms.forEach((term, i) => {
    const isBehind = start.kind === 'ahead' && start.isBehind && i === 0;
    cluster.preset(serverAt(cluster, i).id, { term, entries: isBehind ? [] : [ENTRY] });
  });
  cluster.begin();
  settle(cluster);
  const { campaigns, elections } = cluster;
  const [asked] = campaigns;
  const [first] = elections;
  const last = elections.at(-1);
  if (first === undefined || last === undefined) throw new Error('settled without a leader');
  return {
    firstMs: first.atMs,
    leaderlessMs: last.atMs,
    campaigns: campaigns.length,
    won: elections.length,
    firstWon: elections.some(({ node, term }) => node === asked?.node && term === asked.term),
    termsAbove: last.term - Math.max(...terms),
  };
}
