/** A server asks to be taken into a cluster that runs: by whoever leads, as leaders change. */
import { setTimeout as delay } from 'node:timers/promises';
import { mistake } from '../../src/user-error.ts';
import { LOOPBACK } from './ports.ts';
import { ask } from './requests.ts';
import { schemeIn } from './tls.ts';

/** More than the leader gives the server to catch up: it answers by itself. */
const ANSWER_LIMIT_MS = 60_000;
const LIMIT_MS = 90_000;
const AGAIN_MS = 200;
/** After these it may be asked again: joining twice is joining once. */
const PASSING = ['leader_unknown', 'change_in_progress', 'outcome_unknown', 'no_quorum'];

export type Joined = {
  readonly members: readonly string[];
  /** Who leads, and took the server in. */
  readonly leaderUrl: string;
};

export function entryAt(port: number): string {
  return `${schemeIn(process.env)}//${LOOPBACK}:${port}`;
}

/** Ids of the members, as the node at `port` knows them. */
export async function membersAt(port: number): Promise<readonly string[]> {
  const health = await ask(`${entryAt(port)}/health`);
  if (health === null || health.status !== 200) {
    throw mistake('--port', String(port), 'the port of a node that runs; none answers there');
  }
  return [...strings(health.body.voters), ...strings(health.body.learners)];
}

/** Rejects with the reason if the server is refused. */
export async function joinCluster(entry: string, id: string, signal: AbortSignal): Promise<Joined> {
  const deadlineMs = performance.now() + LIMIT_MS;
  let url = entry;
  let last = 'no answer';
  while (performance.now() < deadlineMs && !signal.aborted) {
    const options = { body: { peer: id }, limitMs: ANSWER_LIMIT_MS, signal };
    const answer = await ask(`${url}/raft/join`, options);
    if (answer?.status === 200) return { members: strings(answer.body.peers), leaderUrl: url };
    const { error, leader, message } = answer?.body ?? {};
    last = String(message ?? error ?? last);
    if (error === 'not_leader' && typeof leader === 'string') {
      url = `${new URL(entry).protocol}//${leader}`;
    } else if (answer === null) url = entry;
    else if (!PASSING.includes(String(error))) break;
    await delay(AGAIN_MS);
  }
  throw new Error(`${id} did not join: ${last}`);
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
