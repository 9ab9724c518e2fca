/**
 * `--recover-alone`: a majority's disks are lost, and one server that is left makes of what it
 * holds a cluster of its own. Raft allows no such thing: nobody can know any more what the others
 * had acknowledged, or whether they are really gone. So a person decides it, of a server that is
 * stopped. Nothing is changed while another member is there, and the new cluster has another id, so
 * that whoever turns up later is kept out.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { parseAddress } from './address.ts';
import { checkBatch } from './command.ts';
import type { Config, ConfigRequest } from './config.ts';
import { MEMBER, readMember } from './member.ts';
import {
  drawIncarnation,
  type KnownMembers,
  type MemberRecord,
  membersOf,
  recoveredMember,
} from './member-record.ts';
import { addressOf } from './raft/identity.ts';
import { checkState } from './raft/invariants.ts';
import { lastIndex, lastTerm, latestConfiguration } from './raft/log.ts';
import { create } from './raft/raft.ts';
import { fork } from './raft/random.ts';
import type { Entry, Log, PersistChange, RaftState } from './raft/types.ts';
import { DATABASE, SqliteStorage } from './storage/sqlite.ts';
import { DirectoryUnusable } from './storage/sqlite-file.ts';
import { applyChange, type Done, type Stored } from './storage/storage.ts';
import { mistake, UserError } from './user-error.ts';

type Request = Extract<ConfigRequest, { kind: 'recoverAlone' }>;
type Tell = (line: string) => void;

/** What a data directory holds of a member. */
type Holding = {
  readonly record: MemberRecord;
  readonly known: KnownMembers;
  readonly stored: Stored;
  readonly state: RaftState;
};

/** So long the others are looked for: a server that is being started needs a second or two. */
const LISTEN_MS = 4000;
const AGAIN_MS = 250;
const SUFFIX_BYTES = 4;
const CLUSTER_ID_LENGTH_MAX = 64;
const SUFFIX = /-recovered-[0-9a-f]+$/;

/**
 * Resolves once the data directory belongs to the new cluster, and tells what it does in lines. It
 * may be killed at any time and run again. Throws a UserError for what its user can mend, and an
 * Error where another member is there.
 */
export async function recoverAlone(request: Request, tell: Tell): Promise<void> {
  const { config } = request;
  const storage = await openStorage(config, tell);
  try {
    const holding = await holdingOf(storage, request);
    const { record, state } = holding;
    const { outgoing, voters } = latestConfiguration(state.persistent.log);
    const isAlone = outgoing.length === 0 && voters.join() === record.name;
    if (isAlone && record.recoveredFrom === undefined) {
      throw new UserError(
        `${record.id} is the only voter of cluster ${record.clusterId}; start it as always`,
      );
    }
    if (isAlone) tell(`${record.id} has been recovered from ${record.recoveredFrom} already`);
    const after = isAlone ? record : await recover(storage, holding, request, tell);
    tellWhatNext(after, othersOf(holding, config), tell);
  } finally {
    await whenDone((done) => storage.close(done));
  }
}

// ---- What is there ------------------------------------------------------------------------------

async function openStorage({ dataDir }: Config, tell: Tell): Promise<SqliteStorage> {
  if (!existsSync(join(dataDir, DATABASE))) {
    throw mistake('DATA_DIR', dataDir, 'the data directory of the server that is left');
  }
  const onFull = (full: boolean): void => {
    if (full) tell('the disk is full, and nothing is changed until there is room');
  };
  // A log that no server can execute is not worth a cluster.
  const options = { folder: dataDir, checksum: crc32, checkCommand: checkBatch, onFull };
  return SqliteStorage.open(options).catch((error: Error) => {
    throw error instanceof DirectoryUnusable ? new UserError(error.message) : error;
  });
}

async function holdingOf(
  storage: SqliteStorage,
  { config: { dataDir, nodeId, settings }, oldClusterId }: Request,
): Promise<Holding> {
  const { record, known } = await readMember(storage);
  if (record === null) {
    throw mistake('DATA_DIR', dataDir, 'a directory that a server has used; this one is blank');
  }
  const { clusterId, id, recoveredFrom } = record;
  if (id !== nodeId) throw mistake('NODE_ID', nodeId, `${id}, whose directory ${dataDir} is`);
  const ids = [clusterId, recoveredFrom];
  if (oldClusterId !== null && !ids.includes(oldClusterId)) {
    throw mistake('CLUSTER_ID', oldClusterId, `${clusterId}, which ${dataDir} belongs to`);
  }
  const stored = await new Promise<Stored>((resolve, reject) => {
    storage.load((error, found) => (error === null ? resolve(found) : reject(error)));
  });
  const state = stateOf(record, stored, settings);
  if (membersOf(latestConfiguration(state.persistent.log)).length === 0) {
    throw new UserError(`${dataDir} holds nothing to recover: ${id} was joined to no cluster yet`);
  }
  return { record, known, stored, state };
}

/** What a server that starts on this would begin with, checked from end to end. */
function stateOf(
  { name: id, configuration }: MemberRecord,
  stored: Stored,
  settings: Config['settings'],
): RaftState {
  const state = create({ id, configuration, settings, rng: fork(0, id), nowUs: 0, ...stored });
  checkState(state);
  return state;
}

/** Addresses of whoever may be there: all that were members once, and those it is told. */
function othersOf({ known, record, state }: Holding, { peers }: Config): string[] {
  const { configurations } = state.persistent.log;
  const names = [
    ...[record, ...configurations].flatMap(({ configuration }) => membersOf(configuration)),
    ...Object.keys(known),
  ];
  const addresses = new Set([...names.map(addressOf), ...peers]);
  addresses.delete(record.id);
  return [...addresses].sort();
}

// ---- Recovery -----------------------------------------------------------------------------------

async function recover(
  storage: SqliteStorage,
  holding: Holding,
  { config, newClusterId }: Request,
  tell: Tell,
): Promise<MemberRecord> {
  const { record, stored, state } = holding;
  if (newClusterId === record.clusterId) {
    throw mistake('--cluster-id', newClusterId, 'another id than that of the lost cluster');
  }
  tellWhatIsHeld(record, state.persistent.log, stored, tell);
  const others = othersOf(holding, config);
  tell(`looks for the others for ${LISTEN_MS / 1000} s: ${others.join(', ')}`);
  const there = await whoIsThere(others, tell);
  if (there.length > 0) {
    throw new Error(
      `nothing was changed, as something listens at ${there.join(', ')}; where a majority of the ` +
        'members can still be started, start them instead; else stop what listens, and see ' +
        'docs/recovery.md for which server to recover',
    );
  }
  tell('what the lost servers had acknowledged, and this one does not hold, is lost');
  tell('what this one holds counts from now on, even entries that had not been committed');
  const incarnation = drawIncarnation((bits) => randomBytes(bits / 8).readUIntBE(0, bits / 8));
  const next = recoveredMember(record, newClusterId ?? drawClusterId(record), incarnation);
  const change = aloneChange(state.persistent.log, stored.currentTerm + 1, next.name);
  // Nothing is written that a server would not start with.
  const content = { ...stored, entries: [...stored.entries] };
  applyChange(content, change);
  stateOf(next, { ...content, ...change.termAndVote }, config.settings);
  const text = JSON.stringify(next);
  await whenDone((done) => storage.persistWithRecord([change], MEMBER, text, done));
  tell(`${next.id} is the only voter of cluster ${next.clusterId}, as ${next.name}`);
  return next;
}

function drawClusterId({ clusterId }: MemberRecord): string {
  const suffix = `-recovered-${randomBytes(SUFFIX_BYTES).toString('hex')}`;
  const base = clusterId.replace(SUFFIX, '').slice(0, CLUSTER_ID_LENGTH_MAX - suffix.length);
  return `${base}${suffix}`;
}

/**
 * The log with one entry more: the membership from now on, in a term that nobody has been in. As it
 * is in force at once (§4.1), the server elects itself, and commits all that lies before it.
 */
function aloneChange(log: Log, term: number, name: string): PersistChange {
  const configuration = { voters: [name], outgoing: [], learners: [] };
  const index = lastIndex(log) + 1;
  const entry: Entry = Object.freeze({ index, term, kind: 'configuration', configuration });
  return {
    termAndVote: { currentTerm: term, votedFor: null },
    truncateFrom: null,
    entries: [entry],
    compactTo: null,
  };
}

// ---- The others ---------------------------------------------------------------------------------

/**
 * Those where anything listens: a server that stands still, or has other certificates or another
 * token, answers no handshake, and is there.
 */
async function whoIsThere(addresses: readonly string[], tell: Tell): Promise<string[]> {
  const endMs = performance.now() + LISTEN_MS;
  const found = await Promise.all(
    addresses.map(async (address) => {
      for (;;) {
        const leftMs = Math.max(AGAIN_MS, endMs - performance.now());
        const why = await whyUnreached(address, leftMs);
        if (why === null) return address;
        if (performance.now() + AGAIN_MS >= endMs) {
          tell(`  ${address} ${why}`);
          return null;
        }
        await delay(AGAIN_MS);
      }
    }),
  );
  return found.filter((address) => address !== null);
}

/** `null` where something listens. */
function whyUnreached(address: string, timeoutMs: number): Promise<string | null> {
  const place = parseAddress(address);
  if (place === null) return Promise.resolve('is no address');
  return new Promise((resolve) => {
    const socket = connect(place);
    const end = (why: string | null): void => {
      socket.destroy();
      resolve(why);
    };
    socket.once('connect', () => end(null));
    socket.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      end(`cannot be reached (${code ?? message})`);
    });
    socket.setTimeout(timeoutMs, () => end(`cannot be reached within ${LISTEN_MS / 1000} s`));
  });
}

// ---- What is told -------------------------------------------------------------------------------

function tellWhatIsHeld(record: MemberRecord, log: Log, { snapshot }: Stored, tell: Tell): void {
  const { clusterId, id, name } = record;
  tell(`${id} of cluster ${clusterId}, as ${name}`);
  tell(`  members    ${membersOf(latestConfiguration(log)).map(addressOf).join(', ')}`);
  tell(`  log        up to entry ${lastIndex(log)} of term ${lastTerm(log)}`);
  tell(
    snapshot === null
      ? '  committed  it cannot tell by itself how far: it has no snapshot'
      : `  committed  up to entry ${snapshot.index} by its snapshot; it cannot tell how far beyond`,
  );
}

function tellWhatNext({ clusterId, id }: MemberRecord, others: readonly string[], tell: Tell) {
  const other = others[0] ?? '127.0.0.1:8002';
  tell('next, with its other settings as before:');
  tell(`  CLUSTER_ID=${clusterId} NODE_ID=${id} npm run node`);
  tell('then, for each other server, one after the other, with its data directory cleared:');
  tell(`  CLUSTER_ID=${clusterId} NODE_ID=${other} JOIN=true npm run node`);
  tell(`  curl ${id}/raft/join -H 'Content-Type: application/json' -d '{"peer":"${other}"}'`);
}

function whenDone(act: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    act((error) => (error === null ? resolve() : reject(error)));
  });
}
