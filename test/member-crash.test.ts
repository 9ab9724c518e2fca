/**
 * Shows that a member keeps its promises whatever storage calls a crash comes between: nobody is
 * told anything before that is durable, and a start on what is left contradicts nothing and brings
 * to its end what had begun.
 *
 *     npx ava test/member-crash.test.ts
 */
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { freePorts } from '../lab/processes/ports.ts';
import { ask } from '../lab/processes/requests.ts';
import { readConfig } from '../src/config.ts';
import { createLogger } from '../src/logger.ts';
import { readMember } from '../src/member.ts';
import { type MemberRecord, waitingMember } from '../src/member-record.ts';
import { lastIndex } from '../src/raft/log.ts';
import type { Entry, Log, SnapshotMeta } from '../src/raft/types.ts';
import { recoverAlone } from '../src/recover-alone.ts';
import { startServer } from '../src/server.ts';
import { SqliteStorage } from '../src/storage/sqlite.ts';
import { until } from './support/http-wait.ts';
import {
  type Crash,
  contradiction,
  first,
  INCARNATION,
  MemberRig,
  peer,
  puts,
  type RigOptions,
  SECOND,
  SELF,
  THIRD,
  WAITING_NAME,
} from './support/member-rig.ts';
import { chunkOf, snapshotOf } from './support/snapshots.ts';
import { copyFolder, IN_MEMORY, newFolder, removeFolders } from './support/sqlite-medium.ts';
import { close, load } from './support/storages.ts';
import { whileWatched } from './support/watched-storage.ts';

test.after.always(removeFolders);

async function started(
  t: ExecutionContext,
  options: RigOptions = {},
  record: () => MemberRecord = first,
): Promise<MemberRig> {
  const rig = new MemberRig(options);
  t.teardown(() => rig.stop());
  return rig.start(record);
}

/** A flow that was done once, with a crash at every call: each is looked at, and gone on from. */
async function atEachCrash(
  t: ExecutionContext,
  rig: MemberRig,
  goesOn: (rig: MemberRig, crash: Crash) => Promise<void>,
  record: () => MemberRecord = first,
): Promise<void> {
  t.deepEqual(rig.failures, []);
  t.true(rig.crashes.length > 2, `${rig.crashes.length} crashes`);
  for (const crash of rig.crashes) {
    t.is(await contradiction(crash), null, crash.what);
    const again = await started(t, { folder: crash.folder }, record);
    try {
      await goesOn(again, crash);
      t.deepEqual(again.failures, [], crash.what);
    } catch (error) {
      t.fail(`${crash.what}: ${error}`);
    }
    await again.stop();
  }
}

/** Each of the first is followed by the second before the third comes. */
function inOrder(t: ExecutionContext, { events }: MemberRig, ...steps: readonly string[]): void {
  let at = -1;
  for (const step of steps) {
    const next = events.indexOf(step, at + 1);
    t.true(next > at, `${step} is missing after ${events.slice(0, at + 1).at(-1)}: ${events}`);
    at = next;
  }
}

/** Nothing that needs a snapshot is asked for while it is on its way to the disk. */
function waitsForSnapshot(t: ExecutionContext, { events }: MemberRig): void {
  const [from, to] = [
    events.indexOf('asked finish snapshot'),
    events.indexOf('told finish snapshot'),
  ];
  t.true(from >= 0 && to > from, `no snapshot: ${events}`);
  t.deepEqual(
    events.slice(from + 1, to).filter((event) => event === 'asked persist'),
    [],
  );
}

/** What comes first of `event`s has `before` before it. */
function comesAfter(t: ExecutionContext, { events }: MemberRig, event: string, before: string) {
  const at = events.indexOf(event);
  t.true(at >= 0, `${event} never came: ${events}`);
  t.true(events.slice(0, at).includes(before), `${event} without ${before}: ${events}`);
}

test('a first start is known outside once its disk knows who it is', async (t) => {
  const rig = await started(t);
  await rig.stop();
  inOrder(t, rig, 'asked write member', 'told write member', 'known outside', 'asked load');
  await atEachCrash(t, rig, async (again) => {
    t.like(again.member.record, { id: SELF, name: SELF, incarnation: INCARNATION });
  });
});

test('a member is let in once it is remembered, and another disk of it never', async (t) => {
  const rig = await started(t);
  // The second knock comes while the first is on its way to the disk.
  const knocks = [rig.letIn(peer(SECOND)), rig.letIn(peer(SECOND)), rig.letIn(peer(THIRD))];
  t.deepEqual(await Promise.all(knocks), [true, true, true]);
  await rig.stop();
  comesAfter(t, rig, `let in ${SECOND}`, 'told write known');
  t.is(rig.events.filter((event) => event === 'told write known').length, 2);
  await atEachCrash(t, rig, async (again, { promises }) => {
    for (const id of [SECOND, THIRD]) {
      const isKnown = again.member.hasMet(id);
      t.true(isKnown || !promises.met.has(id));
      t.is(await again.letIn(peer(id, 6)), !isKnown);
    }
  });
});

test('votes and entries are durable before anybody hears of them', async (t) => {
  const rig = await started(t);
  const vote = await rig.answerTo(() => rig.askForVote(SECOND, 1), 'RequestVoteResponse');
  t.true(vote.voteGranted);
  await rig.answerTo(() => rig.append(SECOND, 1, puts(1, 3, 1)), 'AppendEntriesResponse');
  const next = () => rig.askForVote(THIRD, 2, 3, 1);
  t.true((await rig.answerTo(next, 'RequestVoteResponse')).voteGranted);
  await rig.answerTo(() => rig.append(THIRD, 2, puts(3, 5, 2)), 'AppendEntriesResponse');
  t.is(lastIndex(rig.state.persistent.log), 5);
  // And one that it casts for itself.
  await rig.answerTo(() => rig.receive(THIRD, { kind: 'TimeoutNow', term: 2 }), 'RequestVote');
  await rig.stop();
  inOrder(t, rig, 'told write member', 'told persist', 'sent RequestVoteResponse');
  inOrder(t, rig, 'sent RequestVoteResponse', 'asked persist', 'told persist');
  const answers = rig.events.filter((event) => event.startsWith('sent'));
  t.is(rig.events.filter((event) => event === 'told persist').length >= answers.length, true);
  await atEachCrash(t, rig, async (again, { promises }) => {
    const { currentTerm, votedFor } = again.state.persistent;
    if (currentTerm === 0 || votedFor === null) return;
    // Whoever asks now for a vote of that term is refused, unless it has it.
    const other = votedFor === SECOND ? THIRD : SECOND;
    const ask = () =>
      again.askForVote(other, currentTerm, currentTerm > 1 ? 100 : 0, currentTerm - 1);
    const answer = await again.answerTo(ask, 'RequestVoteResponse');
    t.false(answer.voteGranted, `${votedFor} had the vote of term ${currentTerm}`);
    t.true(again.state.persistent.currentTerm >= promises.term);
  });
});

// ---- A disk that is another one -----------------------------------------------------------------

test('a name is given up before its vote is forgotten, and never votes again', async (t) => {
  const rig = await started(t);
  t.true((await rig.answerTo(() => rig.askForVote(SECOND, 3), 'RequestVoteResponse')).voteGranted);
  const begun = rig.events.length;
  // Votes are asked for all the while, of either name.
  let term = 3;
  rig.onPhase = () => {
    term++;
    for (const name of [SELF, WAITING_NAME]) rig.askForVote(THIRD, term, 0, 0, name);
  };
  t.true(await rig.member.beginAgain());
  rig.onPhase = () => {};
  t.is(rig.member.record.name, WAITING_NAME);
  t.false(await rig.member.beginAgain());
  await rig.stop();
  const after = rig.events.slice(begun).filter((event) => !event.endsWith('persist'));
  t.deepEqual(after.slice(0, 6), [
    'asked write member',
    'done write member',
    'told write member',
    'asked clear',
    'done clear',
    'told clear',
  ]);
  t.deepEqual(
    rig.sent.filter(({ from, term: of }) => from === SELF && of > 3),
    [],
  );
  await atEachCrash(t, rig, async (again) => {
    const { record } = again.member;
    if (record.name === SELF) {
      t.true(await again.member.beginAgain());
    }
    t.like(again.member.record, { name: WAITING_NAME, id: SELF, incarnation: INCARNATION });
    t.true(again.member.isWaiting);
    again.askForVote(THIRD, 9, 0, 0, SELF);
    const { log } = again.state.persistent;
    t.is(lastIndex(log), 0);
    await joins(again);
    t.true(again.sent.every(({ from }) => from === WAITING_NAME));
  });
});

const JOINED: Entry = {
  index: 4,
  term: 7,
  kind: 'configuration',
  configuration: { voters: [SECOND, THIRD], outgoing: [], learners: [WAITING_NAME] },
};

/** The leader takes it in, from wherever it is. */
async function joins(rig: MemberRig): Promise<void> {
  const entries = [...puts(1, 3, 6), JOINED];
  await rig.answerTo(() => rig.append(SECOND, 7, entries, 4), 'AppendEntriesResponse');
  if (rig.member.isWaiting) throw new Error('it still waits to be joined');
}

test('a join and a removal go on from wherever they were', async (t) => {
  const waiting = () => waitingMember(first().clusterId, SELF, INCARNATION);
  const rig = await started(t, {}, waiting);
  t.true(await rig.letIn({ ...peer(SECOND), firstMembers: [SECOND, THIRD] }));
  await joins(rig);
  await removed(rig);
  await rig.stop();
  await atEachCrash(
    t,
    rig,
    async (again) => {
      t.is(again.member.record.name, WAITING_NAME);
      if (again.member.isWaiting) await joins(again);
      await removed(again);
      // Who is out of it is not one who waits: its name is used up.
      t.false(again.member.isWaiting);
      t.false(await again.member.beginAgain());
    },
    waiting,
  );
});

async function removed(rig: MemberRig): Promise<void> {
  const configuration = { voters: [SECOND, THIRD], outgoing: [], learners: [] };
  const gone: Entry = { index: 5, term: 7, kind: 'configuration', configuration };
  await rig.answerTo(() => rig.append(SECOND, 7, [gone], 5), 'AppendEntriesResponse');
  if (rig.state.persistent.log.configurations.at(-1)?.index !== 5) throw new Error('it belongs');
}

// ---- Snapshots ----------------------------------------------------------------------------------

test('a log is compacted once its snapshot is durable', async (t) => {
  const settings = { snapshotEntries: 10, keptEntries: 2, keptBytes: 1000 };
  const rig = await started(t, { settings });
  await rig.answerTo(() => rig.append(SECOND, 1, puts(1, 12, 1), 12), 'AppendEntriesResponse');
  await until('a compaction', () => rig.state.persistent.log.baseIndex > 0);
  await rig.answerTo(() => rig.append(SECOND, 1, puts(13, 14, 1), 14), 'AppendEntriesResponse');
  await rig.stop();
  waitsForSnapshot(t, rig);
  await atEachCrash(t, rig, async (again) => {
    const from = lastIndex(again.state.persistent.log) + 1;
    if (from <= 14) {
      const ask = () => again.append(SECOND, 1, puts(from, 14, 1), 14);
      await again.answerTo(ask, 'AppendEntriesResponse');
    } else again.append(SECOND, 1, puts(15, 15, 1), 15);
    await until('all to be applied', () => again.member.keys >= 14);
  });
});

test('a snapshot that was received is durable before it is said to be installed', async (t) => {
  const rig = await started(t);
  await rig.answerTo(() => rig.append(SECOND, 1, puts(1, 3, 1), 2), 'AppendEntriesResponse');
  await installed(rig);
  await rig.answerTo(() => rig.append(SECOND, 2, puts(51, 52, 2), 52), 'AppendEntriesResponse');
  await rig.stop();
  waitsForSnapshot(t, rig);
  await atEachCrash(t, rig, async (again) => {
    if (again.state.persistent.log.baseIndex < 50) await installed(again);
    const from = lastIndex(again.state.persistent.log) + 1;
    const ask = () => again.append(SECOND, 2, puts(from, 53, 2), 53);
    await again.answerTo(ask, 'AppendEntriesResponse');
    await until('all to be applied', () => again.member.keys >= 30);
  });
});

async function installed(rig: MemberRig): Promise<void> {
  const { meta, bytes } = snapshotOf(30, 50, 1);
  const configuration = { voters: [SELF, SECOND, THIRD], outgoing: [], learners: [] };
  const snapshot: SnapshotMeta = { ...meta, configuration: { index: 0, configuration } };
  const half = bytes.byteLength >> 1;
  const send = (offset: number, data: Uint8Array, last: boolean) => () =>
    rig.receive(SECOND, { ...chunkOf(snapshot, offset, data, last), term: 2 });
  await rig.answerTo(send(0, bytes.subarray(0, half), false), 'InstallSnapshotResponse');
  send(half, bytes.subarray(half), true)();
  await until('it to say so', () =>
    rig.sent.some((sent) => sent.kind === 'InstallSnapshotResponse' && sent.status === 'installed'),
  );
}

// ---- The last one that is left ------------------------------------------------------------------

type Left = { readonly name: string; readonly from: string | null; readonly log: Log };

async function leftIn(folder: string): Promise<Left> {
  const storage = await SqliteStorage.open({ folder, checksum: crc32 });
  try {
    const { record } = await readMember(storage);
    const { name = '', configuration, recoveredFrom: from = null } = record ?? {};
    const { baseIndex, baseTerm, entries } = await load(storage);
    if (configuration === undefined) throw new Error('it does not know who it was');
    const log = { baseIndex, baseTerm, entries, configurations: [{ index: 0, configuration }] };
    return { name, from, log };
  } finally {
    await close(storage);
  }
}

function recover(folder: string): Promise<void> {
  const environment = { NODE_ID: SELF, DATA_DIR: folder };
  const request = readConfig(['--recover-alone'], environment, 80);
  if (request.kind !== 'recoverAlone') throw new Error('expected the settings of a recovery');
  return recoverAlone(request, () => {});
}

test('a recovery is done or not begun, and comes to its end when it is repeated', async (t) => {
  const rig = await started(t);
  await rig.answerTo(() => rig.append(SECOND, 1, puts(1, 3, 1)), 'AppendEntriesResponse');
  await rig.stop();
  const held = await leftIn(rig.folder);
  const folders: string[] = [];
  const watch = (): void => {
    const copy = newFolder(IN_MEMORY);
    copyFolder(rig.folder, copy);
    folders.push(copy);
  };
  await whileWatched(watch, () => recover(rig.folder));
  t.true(folders.length >= 4, `${folders.length} crashes`);
  const seen = new Set<boolean>();
  const judge = (left: Left, isDone: boolean): void => {
    const { entries } = left.log;
    t.deepEqual(entries.slice(0, 3), held.log.entries);
    t.is(left.from, isDone ? first().clusterId : null);
    t.is(entries.length, isDone ? 4 : 3);
    const voters = isDone ? [left.name] : first().configuration.voters;
    t.deepEqual(latestOf(left.log), voters);
    if (isDone) t.not(left.name, SELF);
  };
  await Promise.all(
    folders.map(async (folder) => {
      const left = await leftIn(folder);
      const isDone = left.from !== null;
      seen.add(isDone);
      judge(left, isDone);
      await recover(folder);
      const after = await leftIn(folder);
      judge(after, true);
      if (isDone) t.is(after.name, left.name);
    }),
  );
  t.deepEqual([...seen].sort(), [false, true]);
});

/** The voters that a log ends with. */
function latestOf({ entries, configurations }: Log): readonly string[] {
  const last = entries.findLast((entry) => entry.kind === 'configuration');
  if (last?.kind === 'configuration') return last.configuration.voters;
  return configurations[0]?.configuration.voters ?? [];
}

// ---- A whole server -----------------------------------------------------------------------------

test('a write is answered once it is durable', async (t) => {
  const [port = 0] = await freePorts(1);
  const folder = newFolder(IN_MEMORY);
  const id = `127.0.0.1:${port}`;
  const environment = { NODE_ID: id, DATA_DIR: folder, LOG_FILE: `${folder}/log` };
  const request = readConfig([], environment, 80);
  if (request.kind !== 'run') throw new Error('expected the settings of a server');
  const { config } = request;
  const events: string[] = [];
  let held: Promise<void> | null = null;
  const watch = (call: string, phase: string): Promise<void> => {
    events.push(`${phase} ${call}`);
    return phase === 'done' && held !== null ? held : Promise.resolve();
  };
  const { log, linesLost } = createLogger(config);
  const server = await whileWatched(watch, () => startServer(config, log, linesLost));
  t.teardown(() => server.stop());
  const put = () => ask(`http://${id}/kv/put`, { body: { key: 'a', value: 1 }, limitMs: 20_000 });
  await until('a first write', async () => (await put())?.status === 200);
  const { promise, resolve } = Promise.withResolvers<void>();
  held = promise;
  events.length = 0;
  const answered = put().then((answer) => {
    events.push('answered');
    return answer;
  });
  await until('it to be on the disk', () => events.includes('done persist'));
  // The server answers others meanwhile.
  for (let turns = 0; turns < 5; turns++)
    t.is((await ask(`http://${id}/health`, { limitMs: 20_000 }))?.status, 200);
  t.false(events.includes('answered'), `${events}`);
  held = null;
  resolve();
  t.is((await answered)?.status, 200);
  t.true(events.indexOf('told persist') >= 0, `${events}`);
  t.true(events.indexOf('answered') > events.indexOf('told persist'), `${events}`);
});
