/**
 * Changes of membership (ch. 4): new voters are learners until they have caught up (§4.2.1), and
 * the voters change by joint consensus (§4.3), or at once where one server comes or goes (§4.1).
 * The steps follow each other by themselves; whichever server leads when a joint configuration has
 * committed ends it.
 */
import { answer, type Context, reject } from './context.ts';
import { addressOf } from './identity.ts';
import * as log from './log.ts';
import { createProgress } from './progress.ts';
import { peersOf } from './quorum.ts';
import { appendOwn, broadcastHeartbeat, progressOf } from './replication.ts';
import { becomeFollower, minimumElectionTimeoutUs } from './roles.ts';
import { sendTimeoutNow } from './transfer.ts';
import type {
  Configuration,
  LeaderRole,
  Membership,
  NodeId,
  PendingChange,
  Progress,
  RaftState,
  Refusal,
} from './types.ts';

/** §4.2.1: "the algorithm waits a fixed number of rounds (such as 10)". */
const ROUNDS_MAX = 10;
const US_PER_MS = 1000;

export function handleConfigure(
  context: Context,
  leader: LeaderRole,
  id: number,
  wanted: Membership,
  catchUp: boolean,
): void {
  const { nowUs, state } = context;
  const voters = [...new Set(wanted.voters)];
  const learners = [...new Set(wanted.learners)].filter((learner) => !voters.includes(learner));
  const membership = { voters, learners };
  const current = log.latestConfiguration(state.persistent.log);
  const refusal = refusalOf(state, leader, membership);
  if (refusal !== null) {
    reject(context, id, refusal);
    return;
  }
  if (sameMembers(current.voters, voters) && sameMembers(current.learners, learners)) {
    answer(context, id, { kind: 'done' });
    return;
  }
  const newcomers = catchUp ? voters.filter((voter) => !current.voters.includes(voter)) : [];
  const added = newcomers.filter((newcomer) => !current.learners.includes(newcomer));
  leader.change = {
    id,
    phase: 'catchUp',
    membership,
    added,
    catchingUp: [],
    deadlineUs: nowUs + Math.round(state.settings.catchUpTimeoutMs * US_PER_MS),
  };
  if (added.length > 0) {
    const withThem = [...current.learners, ...added];
    appendConfiguration(context, leader, { ...current, learners: withThem });
  }
  const roundGoal = log.lastIndex(state.persistent.log);
  leader.change.catchingUp = newcomers.map((newcomer) => {
    return { id: newcomer, round: 1, roundGoal, roundStartUs: nowUs, caughtUpUs: null };
  });
  goOn(context, leader);
}

function refusalOf(state: RaftState, leader: LeaderRole, wanted: Membership): Refusal | null {
  const { volatile } = state;
  // Until then a change of an earlier leader may yet turn up that shares no majority with this one
  // (Ongaro, raft-dev, 2015: "bug in single-server membership changes").
  if (volatile.commitIndex < leader.termStartIndex) return 'notReady';
  if (volatile.transfer !== null) return 'transferring';
  if (leader.change !== null || !isSettled(state)) return 'changeInProgress';
  if (wanted.voters.length === 0) return 'lastVoter';
  const names = [...wanted.voters, ...wanted.learners];
  const addresses = new Set(names.map(addressOf));
  return addresses.size < names.length ? 'otherIncarnation' : null;
}

/** The latest configuration is committed, and it is not on the way to another. */
function isSettled({ persistent, volatile }: RaftState): boolean {
  const latest = log.configurationAt(persistent.log, log.lastIndex(persistent.log));
  return latest.index <= volatile.commitIndex && latest.configuration.outgoing.length === 0;
}

// ---- Steps --------------------------------------------------------------------------------------

/** In force from now on, for this server and for whoever appends it (§4.1). */
function appendConfiguration(
  context: Context,
  leader: LeaderRole,
  configuration: Configuration,
): void {
  const { state } = context;
  const last = log.lastIndex(state.persistent.log);
  for (const peer of peersOf(configuration, state.id)) {
    if (progressOf(leader, peer) !== undefined) continue;
    leader.progress.push(createProgress(peer, last));
  }
  // Those who leave are sent this entry still, so that they know: they go when it has committed.
  appendOwn(context, leader, { kind: 'configuration', configuration });
}

/** What can be done now for the change under way is done. */
function goOn(context: Context, leader: LeaderRole): void {
  const { change } = leader;
  if (change === null || !isSettled(context.state)) return;
  const { voters, learners } = change.membership;
  switch (change.phase) {
    case 'catchUp':
      if (haveCaughtUp(context, change)) enterChange(context, leader, change);
      break;
    case 'undo':
      change.phase = 'final';
      appendConfiguration(context, leader, { voters, outgoing: [], learners });
      break;
    case 'joint':
    case 'final':
      leader.change = null;
      if (change.id !== null) answer(context, change.id, { kind: 'done' });
  }
}

/**
 * §4.1: where one server comes or goes, any majority of the old voters and any of the new ones
 * overlap; §4.3: else both must agree for a while.
 */
function enterChange(context: Context, leader: LeaderRole, change: PendingChange): void {
  const { voters, learners } = change.membership;
  const current = log.latestConfiguration(context.state.persistent.log);
  const differing = [...voters, ...current.voters].filter(
    (voter) => voters.includes(voter) !== current.voters.includes(voter),
  );
  change.phase = differing.length <= 1 ? 'final' : 'joint';
  change.catchingUp = [];
  const outgoing = change.phase === 'joint' ? current.voters : [];
  appendConfiguration(context, leader, { voters, outgoing, learners });
}

/** The commit index has moved: a configuration may have committed, and what it awaited follow. */
export function onCommitted(context: Context, leader: LeaderRole): void {
  const { state } = context;
  const { persistent, volatile } = state;
  const latest = log.configurationAt(persistent.log, log.lastIndex(persistent.log));
  if (latest.index > volatile.commitIndex) return;
  const { configuration } = latest;
  if (configuration.outgoing.length > 0) {
    // §4.3: "once C_old,new has been committed, … the leader … can create a log entry describing
    // C_new". Learners that vote on in the old half stay learners in the new.
    appendConfiguration(context, leader, { ...configuration, outgoing: [] });
    return;
  }
  const peers = peersOf(configuration, state.id);
  if (leader.progress.length > peers.length) {
    // Whoever goes learns that it is out, unless this is lost.
    broadcastHeartbeat(context, leader);
    leader.progress = leader.progress.filter(({ id }) => peers.includes(id));
  }
  goOn(context, leader);
  if (state.role === leader && !configuration.voters.includes(state.id)) {
    handOver(context, leader);
  }
}

/**
 * §4.2.2: a leader that is removed steps down once that has committed; by TimeoutNow (§3.10) the
 * others need not wait for an election timeout.
 */
function handOver(context: Context, leader: LeaderRole): void {
  const { state } = context;
  const { voters } = log.latestConfiguration(state.persistent.log);
  // The last that the others hear of this leader: that the removal has committed.
  broadcastHeartbeat(context, leader);
  const successor = leader.progress
    .filter(({ id }) => voters.includes(id))
    .reduce<Progress | null>((a, b) => (a !== null && a.matchIndex >= b.matchIndex ? a : b), null);
  if (successor !== null) sendTimeoutNow(context, successor.id);
  becomeFollower(context, state.persistent.currentTerm, null, 'removed from the cluster');
}

// ---- Catching up --------------------------------------------------------------------------------

/**
 * §4.2.1: a round replicates what the log held when it began. A server has caught up when a round
 * took less than an election timeout; further rounds show that it goes on so.
 */
export function checkCatchUp(context: Context, leader: LeaderRole, progress: Progress): void {
  const { change } = leader;
  const { nowUs, state } = context;
  if (change === null) return;
  const newcomer = change.catchingUp.find(({ id }) => id === progress.id);
  if (newcomer === undefined || progress.matchIndex < newcomer.roundGoal) return;
  // It may have matched long ago, and have died since.
  if (progress.heardSentUs < newcomer.roundStartUs) return;
  if (nowUs - newcomer.roundStartUs < minimumElectionTimeoutUs(state)) newcomer.caughtUpUs = nowUs;
  else if (newcomer.round === ROUNDS_MAX) {
    giveUpChange(context, leader, change);
    return;
  } else newcomer.round++;
  newcomer.roundGoal = log.lastIndex(state.persistent.log);
  newcomer.roundStartUs = nowUs;
  goOn(context, leader);
}

/**
 * Who caught up while others did not, or while the learners' entry was not committed, may have died
 * since: its last good round counts for an election timeout.
 */
function haveCaughtUp({ nowUs, state }: Context, { catchingUp }: PendingChange): boolean {
  const sinceUs = nowUs - minimumElectionTimeoutUs(state);
  return catchingUp.every(({ caughtUpUs }) => caughtUpUs !== null && caughtUpUs > sinceUs);
}

export function giveUpLateChange(context: Context, leader: LeaderRole): void {
  const { change } = leader;
  if (change?.phase !== 'catchUp' || context.nowUs < change.deadlineUs) return;
  giveUpChange(context, leader, change);
}

/** The membership becomes what it was. */
function giveUpChange(context: Context, leader: LeaderRole, change: PendingChange): void {
  if (change.id !== null) reject(context, change.id, 'catchUpTimeout');
  const { learners, voters } = log.latestConfiguration(context.state.persistent.log);
  const left = learners.filter((learner) => !change.added.includes(learner));
  change.id = null;
  change.catchingUp = [];
  change.phase = change.added.length === 0 ? 'final' : 'undo';
  change.membership = { voters, learners: left };
  goOn(context, leader);
}

/** When a change under way is given up, if it is not through by then. */
export function changeDeadlineUs({ change }: LeaderRole): number {
  return change?.phase === 'catchUp' ? change.deadlineUs : Number.POSITIVE_INFINITY;
}

function sameMembers(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id));
}
