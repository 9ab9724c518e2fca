/**
 * Shows that no frame from the wire reaches a server's state unchecked: against three servers that
 * are real processes, frames of every kind with a right checksum and one thing wrong. None of them
 * stops a server or changes a term, a vote or a log, and all start again on their disks.
 *
 *     npx ava test/hostile-frames.test.ts
 *     FRAMES=100000 npx ava test/hostile-frames.test.ts       so many of every kind
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type RawData, WebSocket } from 'ws';
import { ProcessCluster } from '../lab/processes/cluster-processes.ts';
import { freePorts } from '../lab/processes/ports.ts';
import type { ProcessMember } from '../lab/processes/process-member.ts';
import { ask } from '../lab/processes/requests.ts';
import { MESSAGE_KINDS } from '../src/transport/codec.ts';
import {
  createNonce,
  helloText,
  type PeerIdentity,
  readChallenge,
  readReply,
} from '../src/transport/handshake.ts';
import { PEERS_PATH } from '../src/transport/ws-connection.ts';
import { HostileFrames, type Target } from './support/hostile-frames.ts';
import { until } from './support/http-wait.ts';
import { SEED } from './support/property.ts';

const FRAMES = Number(process.env.FRAMES ?? 60);
const CREDENTIALS = { clusterId: 'raft-lab', token: null };
/** Nobody is to be elected while the frames come. */
const PATIENT = { ELECTION_TIMEOUT_MS: '5000-8000', HEARTBEAT_MS: '100' };
/** As a member, since each such connection takes the place of that member's own. */
const AS_MEMBER_EVERY = 20;

type State = {
  readonly term: number;
  readonly votedFor: string | null;
  readonly lastLogIndex: number;
  readonly commitIndex: number;
  readonly lastApplied: number;
  readonly voters: readonly string[];
  readonly snapshot: unknown;
};

async function stateOf({ url, id }: ProcessMember): Promise<State & { readonly role: string }> {
  const answer = await ask(`${url}/debug/state`);
  if (answer?.status !== 200) throw new Error(`${id} does not answer any more`);
  return answer.body as unknown as State & { role: string };
}

function durable({ term, votedFor, lastLogIndex, commitIndex, voters, snapshot }: State): object {
  return { term, votedFor, lastLogIndex, commitIndex, voters, snapshot };
}

/** Resolves to who answers, with the socket open; rejects if it is refused. */
function shakeHands(to: string, self: PeerIdentity, purpose: 'messages' | 'visit') {
  return new Promise<{ identity: PeerIdentity; websocket: WebSocket }>((resolve, reject) => {
    const websocket = new WebSocket(`ws://${to}${PEERS_PATH}`);
    const dialler = createNonce();
    let acceptor: string | null = null;
    websocket.on('error', reject);
    websocket.on('close', () => reject(new Error(`${to} closed the connection`)));
    websocket.on('message', (data: RawData) => {
      if (acceptor === null) {
        const challenge = readChallenge(data.toString());
        if (!challenge.ok) throw new Error(challenge.refusal.reason);
        acceptor = challenge.value;
        websocket.send(helloText(CREDENTIALS, self, purpose, { acceptor, dialler }));
        return;
      }
      const reply = readReply(data.toString(), CREDENTIALS, { acceptor, dialler }, to);
      if (reply.kind === 'welcome') resolve({ identity: reply.identity, websocket });
      else reject(new Error(`${to}: ${reply.refusal.reason}`));
    });
  });
}

/** Sends them on one connection, until the server has ended it or has taken them all. */
async function send(to: string, self: PeerIdentity, frames: readonly Uint8Array[]): Promise<void> {
  const { websocket } = await shakeHands(to, self, 'messages');
  const closed = new Promise<void>((resolve) => websocket.once('close', () => resolve()));
  for (const frame of frames) websocket.send(frame);
  websocket.close();
  await closed;
}

test('whatever the frame, no server stops, and none changes its term, vote or log', async (t) => {
  t.timeout(FRAMES > 1000 ? 3_600_000 : 170_000);
  const dataDir = mkdtempSync(join(tmpdir(), 'raft-hostile-'));
  const cluster = new ProcessCluster({ dataDir, environment: PATIENT });
  t.teardown(async () => {
    await cluster.kill();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const members = cluster.addFirst(await freePorts(3));
  await cluster.start();
  const put = (value: number) => ({ body: { key: 'a', value } });
  await until('a write', async () => {
    const written = members.map(({ url }) => ask(`${url}/kv/put`, put(1)));
    return (await Promise.all(written)).some((answer) => answer?.status === 200);
  });
  let states: (State & { role: string })[] = [];
  await until('all have applied the same', async () => {
    states = await Promise.all(members.map(stateOf));
    return new Set(states.map(({ lastApplied }) => lastApplied)).size === 1;
  });
  const before = states.map(durable);
  const leader = states.findIndex(({ role }) => role === 'leader');
  const stranger: PeerIdentity = {
    id: '127.0.0.1:1',
    name: '127.0.0.1:1#2',
    incarnation: 2,
    publicUrl: null,
    waiting: true,
    firstMembers: [],
  };
  const identities = await Promise.all(
    members.map(async ({ id }) => {
      const { identity, websocket } = await shakeHands(id, stranger, 'visit');
      websocket.terminate();
      return identity;
    }),
  );

  // A connection ends after a few of them: as many as that each time.
  const generator = new HostileFrames(SEED);
  let sent = 0;
  for (let round = 0; round * 4 < FRAMES; round++) {
    for (const kind of MESSAGE_KINDS) {
      const at = round % members.length;
      const asMember = round % AS_MEMBER_EVERY === 0;
      const others = identities.filter((_, i) => i !== at);
      const self = (asMember ? others[round % others.length] : stranger) as PeerIdentity;
      const { commitIndex, role, term } = states[at] as State & { role: string };
      const to = identities[at] as PeerIdentity;
      const target: Target = {
        from: self.name,
        to: to.name,
        term,
        commitIndex,
        commitTerm: term,
        leads: role === 'leader',
      };
      const frames = Array.from({ length: 4 }, () => generator.next(kind, target));
      const what = frames.map((frame) => `${frame.kind}: ${frame.what}`).join(', ');
      try {
        await send(
          to.id,
          self,
          frames.map(({ bytes }) => bytes),
        );
      } catch (error) {
        throw new Error(`${(error as Error).message}, at ${what}`);
      }
      sent += frames.length;
      if (cluster.members.some(({ isRunning }) => !isRunning)) throw new Error(`ended by ${what}`);
    }
    if (round % 250 !== 0) continue;
    t.deepEqual((await Promise.all(members.map(stateOf))).map(durable), before, `round ${round}`);
  }
  t.true(sent >= FRAMES * MESSAGE_KINDS.length);
  t.deepEqual((await Promise.all(members.map(stateOf))).map(durable), before);
  const metrics = await (await fetch(`${members[leader]?.url}/metrics`)).text();
  t.regex(metrics, /^raft_messages_refused_total\{reason="number"\} [1-9]/m);

  // What is durable is what it was: all come back on it, and the cluster serves.
  await cluster.kill();
  await cluster.start();
  for (const [i, state] of (await Promise.all(members.map(stateOf))).entries()) {
    t.like(state, { lastLogIndex: states[i]?.lastLogIndex }, 'nothing invalid is durable');
  }
  await cluster.stop();
});
