/**
 * Shows that the storage on SQLite keeps its promises in a process's life: what was acknowledged
 * survives kill -9 at any point, and where it does not survive the disk, the node refuses to start;
 * a full disk is waited for; a data directory has one user and one format; compactions give space
 * back, whatever crashes come in between.
 *
 *     npx ava test/storage-sqlite.test.ts
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import sqlite3 from 'sqlite3';
import { checkBatch } from '../src/command.ts';
import { DirectoryLost } from '../src/storage/data-directory.ts';
import { BLANK_CHECKPOINT, Folding, replayUnit, startOf } from '../src/storage/folding.ts';
import { MemoryDisk } from '../src/storage/memory.ts';
import { encodeUnit, type Unit } from '../src/storage/records.ts';
import { SqliteStorage } from '../src/storage/sqlite.ts';
import { adoptSnapshot, DamageError, StorageError, type Stored } from '../src/storage/storage.ts';
import {
  after,
  command,
  compaction,
  EMPTY,
  entries,
  pattern,
  run,
  snapshotAt,
  vote,
} from './support/changes.ts';
import { entryAt, snapshotDataAt, votedForIn } from './support/disk-writer.ts';
import { putBatch } from './support/node-rig.ts';
import { always } from './support/property.ts';
import { copyFolder, newFolder, removeFolders } from './support/sqlite-medium.ts';
import {
  aimedAt,
  close,
  holds,
  KIB,
  load,
  MIB,
  persist,
  readBack,
  readChunk,
  type Sketch,
  type SnapshotSketch,
  save,
  sketch,
  snapshotSketch,
  unitOf,
  until,
} from './support/storages.ts';

test.after.always(removeFolders);

const WRITER = fileURLToPath(new URL('./support/sqlite-writer.ts', import.meta.url));

function opened(folder: string, onFull?: (full: boolean) => void): Promise<SqliteStorage> {
  const base = { folder, checksum: crc32 };
  return SqliteStorage.open(onFull === undefined ? base : { ...base, onFull });
}

/** What a start finds. */
async function found(folder: string): Promise<Stored> {
  const storage = await opened(folder);
  try {
    return await load(storage);
  } finally {
    await close(storage);
  }
}

async function written(folder: string, units: readonly (readonly Unit['changes'][number][])[]) {
  const storage = await opened(folder);
  await load(storage);
  for (const unit of units) if ((await persist(storage, unit)) !== null) throw new Error('failed');
  await close(storage);
}

/** One line, of a StorageError, that says this. */
async function refused(t: ExecutionContext, attempt: () => Promise<unknown>, says: RegExp) {
  const error = await t.throwsAsync(attempt, { instanceOf: StorageError, message: says });
  t.false(error?.message.includes('\n'));
}

/** Behind the storage's back. */
function tamper(folder: string, sql: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(join(folder, 'raft.sqlite'));
    database.exec(sql);
    database.close((error) => (error === null ? resolve() : reject(error)));
  });
}

// ---- Killed -------------------------------------------------------------------------------------

type Writer = {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  lines: number;
  last: string;
  /** The last entry that was. */
  acknowledged: number;
};

function writer(folder: string): Writer {
  const child = spawn(process.execPath, [WRITER, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const writing = { child, ended, lines: 0, last: '', acknowledged: 0 };
  createInterface({ input: child.stdout }).on('line', (line) => {
    writing.lines++;
    writing.last = line;
    if (/^\d+$/.test(line)) writing.acknowledged = Number(line);
  });
  return writing;
}

/** The last entry that was acknowledged. */
async function killedAfter(lines: number, writing: Writer): Promise<number> {
  try {
    await until(`${lines} lines`, () => writing.lines >= lines || writing.child.exitCode !== null);
  } finally {
    writing.child.kill('SIGKILL');
  }
  await writing.ended;
  return writing.acknowledged;
}

test('all that a killed process was told is there, again and again', async (t) => {
  const folder = newFolder();
  let acknowledged = 0;
  for (const lines of [1, 3, 150, 40, 260]) {
    acknowledged = await killedAfter(lines, writer(folder));
    const storage = await opened(folder);
    const { baseIndex, entries: kept, currentTerm, votedFor, snapshot } = await load(storage);
    const last = baseIndex + kept.length;
    t.true(last >= acknowledged, `${last} of ${acknowledged}`);
    const expected = Array.from({ length: kept.length }, (_, i) => entryAt(baseIndex + 1 + i));
    holds(t, { ...EMPTY, entries: kept }, { ...EMPTY, entries: expected });
    t.deepEqual([currentTerm, votedFor], [last - 1, votedForIn(last - 1)]);
    if (snapshot !== null) {
      t.deepEqual(await readBack(storage, snapshot.index), snapshotDataAt(snapshot.index));
    }
    await close(storage);
  }
  t.true(acknowledged > 400);
});

test('commits that a damaged log of SQLite has lost are missed', async (t) => {
  const folder = newFolder();
  await killedAfter(30, writer(folder));
  const path = join(folder, 'raft.sqlite-wal');
  const log = readFileSync(path);
  // Not in the last commit: of that one its writer may not have been told yet.
  for (const at of [0.5, 0.8].map((share) => Math.floor(log.byteLength * share))) {
    const damaged = newFolder();
    copyFolder(folder, damaged);
    log[at] = (log[at] as number) ^ 1;
    writeFileSync(join(damaged, 'raft.sqlite-wal'), log);
    await refused(
      t,
      () => found(damaged),
      /raft\.sqlite: record \d+ is damaged or missing.*remove/,
    );
    log[at] = (log[at] as number) ^ 1;
  }
  await t.notThrowsAsync(() => found(folder));
});

test('a second process is refused, and the first goes on', async (t) => {
  const folder = newFolder();
  const storage = await opened(folder);
  await load(storage);
  const other = writer(folder);
  await until('its word', () => other.lines > 0);
  other.child.kill('SIGKILL');
  await other.ended;
  t.is(
    other.last,
    `${folder}: another process has it open; stop that one, or name another data directory`,
  );
  await refused(t, () => opened(folder), /another process has it open/);
  t.is(await persist(storage, [run(1, 3, 1)]), null);
  await close(storage);
  t.is((await found(folder)).entries.length, 3);
});

// ---- Damaged ------------------------------------------------------------------------------------

const UNITS = [[vote(1, 'n1')], [run(1, 3, 1)], [run(4, 6, 1)], [run(7, 9, 1)]];

for (const [what, sql, says] of [
  ['a damaged record', 'UPDATE unit SET bytes = zeroblob(60) WHERE sequence = 3', /record 3 is/],
  ['a lost record', 'DELETE FROM unit WHERE sequence = 2', /record 2 is/],
  [
    'a record in the place of another',
    'UPDATE unit SET sequence = 9 WHERE sequence = 4',
    /rd 4 is/,
  ],
  ['an older database', 'DELETE FROM unit WHERE sequence > 2', /record 3 is/],
  ['a damaged checkpoint', "INSERT INTO checkpoint VALUES (1, '{}', 5)", /checkpoint .* damaged/],
] as const) {
  test(`${what} among the acknowledged ones is refused`, async (t) => {
    const folder = newFolder();
    await written(folder, UNITS);
    await tamper(folder, sql);
    await refused(t, () => found(folder), says);
  });
}

test('a database that is gone is missed', async (t) => {
  const folder = newFolder();
  await written(folder, UNITS);
  rmSync(join(folder, 'raft.sqlite'));
  await refused(t, () => found(folder), /record 1 is damaged or missing, .* record 4 was/);
});

test('damage behind the last acknowledged record is cut off, and written over', async (t) => {
  const folder = newFolder();
  await written(folder, UNITS.slice(0, 3));
  const noted = readFileSync(join(folder, 'acknowledged'));
  await written(folder, UNITS.slice(3));
  writeFileSync(join(folder, 'acknowledged'), noted);
  await tamper(folder, 'UPDATE unit SET bytes = zeroblob(60) WHERE sequence = 4');
  t.is((await found(folder)).entries.length, 6);
  await written(folder, [[run(7, 7, 2)]]);
  t.is((await found(folder)).entries.length, 7);
});

test('a note that is torn leaves the one before it', async (t) => {
  const folder = newFolder();
  await written(folder, UNITS);
  const path = join(folder, 'acknowledged');
  const note = readFileSync(path);
  for (const at of [5, 517]) {
    const torn = Buffer.from(note);
    torn[at] = (torn[at] as number) ^ 1;
    writeFileSync(path, torn);
    await tamper(folder, 'DELETE FROM unit WHERE sequence > 1');
    await refused(t, () => found(folder), /record 2 is damaged or missing/);
  }
});

test('a damaged snapshot is not read', async (t) => {
  const folder = newFolder();
  const storage = await opened(folder);
  await load(storage);
  await persist(storage, [run(1, 9, 1)]);
  await save(storage, snapshotAt(5, 1), pattern(5000, 1));
  await close(storage);
  for (const [sql, readable] of [
    ['UPDATE snapshot_slice SET bytes = zeroblob(1000) WHERE start = 2000', true],
    ['DELETE FROM snapshot_slice WHERE start = 4000', true],
    ['UPDATE snapshot SET bytes = 4000', false],
    ['UPDATE snapshot SET entry = 6', false],
  ] as const) {
    const damaged = newFolder();
    copyFolder(folder, damaged);
    await tamper(damaged, sql);
    const reader = await opened(damaged);
    const says = /the snapshot of entry \d is damaged; the node must not start/;
    if (readable) {
      await load(reader);
      t.is((await readChunk(reader, 5, 0, 1500))?.data.byteLength, 1500);
      await refused(t, () => readBack(reader, 5), says);
    } else await refused(t, () => load(reader), says);
    await close(reader);
  }
});

// ---- As it was written, and of no use -----------------------------------------------------------

/** As `found`, with the state machine's word on commands. */
async function judged(folder: string): Promise<Stored> {
  const storage = await SqliteStorage.open({ folder, checksum: crc32, checkCommand: checkBatch });
  try {
    return await load(storage);
  } finally {
    await close(storage);
  }
}

function puts(from: number, to: number, term: number) {
  return entries(
    ...Array.from({ length: to - from + 1 }, (_, i) => ({
      index: from + i,
      term,
      kind: 'command' as const,
      command: putBatch(1, from + i),
    })),
  );
}

const SOUND = [[vote(1, 'n1')], [puts(1, 3, 1)], [puts(4, 6, 1)]];
/** Kind 99 is nobody's. */
const POISON = entries({
  index: 7,
  term: 1,
  kind: 'command',
  command: new Uint8Array(28).fill(99),
});

test('an entry that cannot be executed is named, with file, record and remedy', async (t) => {
  const folder = newFolder();
  await written(folder, [...SOUND, [POISON]]);
  const says = [
    /raft\.sqlite: entry 7, term 1, in record 4, cannot be executed \(no operation has kind 99\); /,
    /; run the version .*, or remove this server .*; if all servers say so, see docs\/processes/,
  ];
  for (const each of says) await refused(t, () => judged(folder), each);
  await t.throwsAsync(() => judged(folder), { instanceOf: DamageError });
});

test('what another entry, or a snapshot, took the place of need not be executed', async (t) => {
  const cut = newFolder();
  await written(cut, [...SOUND, [POISON], [{ ...puts(7, 8, 2), truncateFrom: 7 }]]);
  t.is((await judged(cut)).entries.length, 8);
  const compacted = newFolder();
  await written(compacted, [...SOUND, [POISON, puts(8, 9, 1)]]);
  const storage = await opened(compacted);
  await load(storage);
  await save(storage, snapshotAt(8, 1), pattern(500, 1));
  await persist(storage, [compaction(8, 1)]);
  await close(storage);
  t.is((await judged(compacted)).entries.length, 1);
});

/** The checksum is made right again. */
function forged(unit: Unit, change: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const bytes = encodeUnit(unit, crc32);
  const view = new DataView(bytes.buffer);
  change(bytes, view);
  view.setUint32(0, crc32(bytes.subarray(4)), true);
  return bytes;
}

const CONFIGURATION = { voters: ['n1'], outgoing: [], learners: [] };
/** Where the first entry of a unit begins, of one change without a vote. */
const ENTRY_AT = 16 + 38;
for (const [what, change, says] of [
  [
    'an unknown kind',
    (_, view) => view.setUint8(ENTRY_AT + 16, 9),
    /entry 7, term 1: unknown kind/,
  ],
  ['a configuration that is none', (bytes) => bytes.fill(32, ENTRY_AT + 21), /entry 7, term 1: /],
  ['more changes than there are', (_, view) => view.setUint32(12, 7, true), /record 4 cannot be/],
  ['fewer', (_, view) => view.setUint32(12, 0, true), /record 4 cannot be read \(\d+ bytes, of/],
  ['a longer entry', (_, view) => view.setUint32(ENTRY_AT + 17, 9e6, true), /record 4 cannot be/],
  [
    'a gap',
    (_, view) => view.setFloat64(ENTRY_AT, 9, true),
    /entry 9, term 1, .* place of entry 7/,
  ],
  ['no term', (_, view) => view.setFloat64(ENTRY_AT + 8, 2.5, true), /entry 7, term 2\.5, stands/],
] as readonly [string, (bytes: Uint8Array, view: DataView) => void, RegExp][]) {
  test(`a record with ${what} is refused, though its checksum is right`, async (t) => {
    const folder = newFolder();
    const entry = {
      index: 7,
      term: 1,
      kind: 'configuration',
      configuration: CONFIGURATION,
    } as const;
    await written(folder, [...SOUND, [entries(entry)]]);
    const bytes = forged({ sequence: 4, changes: [entries(entry)] }, change);
    const hex = Buffer.from(bytes).toString('hex');
    await tamper(folder, `UPDATE unit SET bytes = x'${hex}' WHERE sequence = 4`);
    await refused(t, () => judged(folder), says);
    await refused(t, () => judged(folder), /; run the version of this program that wrote it, or /);
  });
}

function text(value: string): string {
  return `'${value}', ${crc32(value)}`;
}

for (const [what, sql] of [
  ['checkpoint', `INSERT INTO checkpoint (one, state, checksum) VALUES (1, ${text('{"a":1}')})`],
  ['checkpoint', `INSERT INTO checkpoint (one, state, checksum) VALUES (1, ${text('null')})`],
  ['checkpoint', `INSERT INTO checkpoint (one, state, checksum) VALUES (1, ${text('{')})`],
  ['snapshot', `INSERT INTO snapshot VALUES (1, '{"index":5}', 0, 5, ${crc32('1 0 {"index":5}')})`],
  ['snapshot', `INSERT INTO snapshot VALUES (1, '5', 0, 5, ${crc32('1 0 5')})`],
] as const) {
  test(`a ${what} that says something else is refused: ${sql.slice(-40)}`, async (t) => {
    const folder = newFolder();
    await written(folder, SOUND);
    await tamper(folder, sql);
    await refused(
      t,
      () => judged(folder),
      new RegExp(`raft\\.sqlite: the ${what} .*cannot be read`),
    );
  });
}

// ---- What was acknowledged ----------------------------------------------------------------------

/** A whole file, and what a crash, or a person, may have made of it. */
const UNREADABLE: readonly (readonly [string, Buffer | null])[] = [
  ['missing', null],
  ['empty', Buffer.alloc(0)],
  ['cut short', Buffer.alloc(513)],
  ['all zeros', Buffer.alloc(1024)],
  ['something else', Buffer.alloc(1024, 'something else')],
];

function setAcknowledged(folder: string, bytes: Buffer | null): void {
  const path = join(folder, 'acknowledged');
  rmSync(path, { force: true });
  if (bytes !== null) writeFileSync(path, bytes);
}

for (const [what, bytes] of UNREADABLE) {
  test(`beside a database in use, a note of what was acknowledged is not ${what}`, async (t) => {
    const folder = newFolder();
    await written(folder, UNITS);
    setAcknowledged(folder, bytes);
    const says =
      /acknowledged (is|has) .*, beside a database in use; .* remove it from the cluster/;
    await refused(t, () => found(folder), says);
    await t.throwsAsync(() => found(folder), { instanceOf: DamageError });
    // Nor is it, where only the server's name is known yet.
    const named = newFolder();
    const storage = await opened(named);
    await setRecord(storage, 'identity', 'n1');
    await close(storage);
    setAcknowledged(named, bytes);
    await refused(t, () => found(named), says);
  });

  test(`a first start goes on where a crash left that note ${what}`, async (t) => {
    const folder = newFolder();
    const first = await opened(folder);
    const blank = newFolder();
    copyFolder(folder, blank);
    await close(first);
    // The database may not be there yet, be empty, or have its tables.
    for (const stage of ['gone', 'empty', 'made'] as const) {
      const at = newFolder();
      if (stage === 'made') copyFolder(blank, at);
      if (stage === 'empty') writeFileSync(join(at, 'raft.sqlite'), '');
      setAcknowledged(at, bytes);
      t.deepEqual(await found(at), EMPTY, stage);
      await written(at, UNITS);
      t.is((await found(at)).entries.length, 9, stage);
      // From now on it is missed.
      setAcknowledged(at, bytes);
      await refused(t, () => found(at), /beside a database in use/);
    }
  });
}

test('a note that says 0 is whole from the first start on', async (t) => {
  const folder = newFolder();
  const storage = await opened(folder);
  const copy = newFolder();
  copyFolder(folder, copy);
  await close(storage);
  await written(copy, UNITS);
  // As a power failure may leave it: nothing that was noted since had come to the disk.
  copyFileSync(join(folder, 'acknowledged'), join(copy, 'acknowledged'));
  t.is((await found(copy)).entries.length, 9);
});

// ---- A directory that is taken away -------------------------------------------------------------

/** What happens to it while it is in use, and what becomes of its database. */
const TAKEN: readonly (readonly [string, (folder: string) => void, RegExp])[] = [
  ['removed', (folder) => rmSync(folder, { recursive: true }), /raft\.sqlite was removed while/],
  ['moved away', (folder) => renameSync(folder, `${folder}.moved`), /raft\.sqlite was removed/],
  [
    'moved, with a copy in its place',
    (folder) => {
      renameSync(folder, `${folder}.moved`);
      copyFolder(`${folder}.moved`, folder);
    },
    /raft\.sqlite was replaced while/,
  ],
  [
    'robbed of its database',
    (folder) => rmSync(join(folder, 'raft.sqlite')),
    /raft\.sqlite was removed while its server ran/,
  ],
  [
    'given another database',
    (folder) => {
      copyFileSync(join(folder, 'raft.sqlite'), join(folder, 'other'));
      renameSync(join(folder, 'other'), join(folder, 'raft.sqlite'));
    },
    /raft\.sqlite was replaced while its server ran/,
  ],
];

async function inUse(t: ExecutionContext) {
  const folder = newFolder();
  t.teardown(() => rmSync(`${folder}.moved`, { recursive: true, force: true }));
  const lost: DirectoryLost[] = [];
  const onLost = (error: DirectoryLost): void => void lost.push(error);
  const storage = await SqliteStorage.open({ folder, checksum: crc32, onLost });
  await load(storage);
  t.is(await persist(storage, [run(1, 3, 1)]), null);
  return { folder, storage, lost };
}

for (const [what, take, says] of TAKEN) {
  test(`a directory that is ${what} acknowledges nothing more, from that moment on`, async (t) => {
    const { folder, storage, lost } = await inUse(t);
    take(folder);
    const failure = await persist(storage, [run(4, 4, 1)]);
    t.true(failure instanceof DirectoryLost);
    t.regex(failure?.message ?? '', says);
    t.regex(failure?.message ?? '', /nothing is acknowledged any more; move back .*, or remove/);
    t.deepEqual(lost, [failure]);
    t.is(await setRecord(storage, 'identity', 'n1'), failure);
    t.is(await close(storage), null);
    // The next start does not take it for a first one, and an operator is told what to do.
    await refused(t, () => opened(folder), /was (removed|replaced) while .*lost\); move back/);
    rmSync(join(folder, 'lost'));
  });

  test(`that a directory was ${what} is noticed when nothing is written, too`, async (t) => {
    const { folder, storage, lost } = await inUse(t);
    take(folder);
    await until('it is noticed', () => lost.length > 0);
    t.regex(lost[0]?.message ?? '', says);
    t.true((await persist(storage, [run(4, 4, 1)])) === lost[0]);
    await close(storage);
  });
}

for (const name of ['raft.sqlite-wal', 'acknowledged']) {
  test(`that ${name} was removed is noticed`, async (t) => {
    const { folder, storage, lost } = await inUse(t);
    rmSync(join(folder, name));
    await until('it is noticed', () => lost.length > 0);
    t.regex(lost[0]?.message ?? '', new RegExp(`${name} was removed while its server ran`));
    await close(storage);
  });
}

test('a directory that was moved, and is moved back, has all that was acknowledged', async (t) => {
  const folder = newFolder();
  const writing = writer(folder);
  await until('20 lines', () => writing.lines >= 20);
  renameSync(folder, `${folder}.moved`);
  await writing.ended;
  t.regex(writing.last, /raft\.sqlite was removed while its server ran/);
  rmSync(folder, { recursive: true });
  renameSync(`${folder}.moved`, folder);
  const { baseIndex, entries: kept } = await found(folder);
  t.true(baseIndex + kept.length >= writing.acknowledged, `${writing.acknowledged}`);
});

test('a write that waits for room is ended by the loss of the directory', async (t) => {
  const { storage, persisting } = await filled(newFolder());
  rmSync(dirname(storage.where), { recursive: true });
  t.true((await persisting) instanceof DirectoryLost);
  await close(storage);
});

test('whoever takes the place of a database keeps its files', async (t) => {
  const { folder, storage } = await inUse(t);
  renameSync(folder, `${folder}.moved`);
  const names = ['raft.sqlite', 'raft.sqlite-wal', 'acknowledged'];
  mkdirSync(folder);
  for (const name of names) writeFileSync(join(folder, name), `another ${name}`);
  t.true((await persist(storage, [run(4, 4, 1)])) instanceof DirectoryLost);
  await close(storage);
  for (const name of names) t.is(readFileSync(join(folder, name), 'utf8'), `another ${name}`);
});

// ---- A data directory ---------------------------------------------------------------------------

test('what is not a database of this format is refused', async (t) => {
  const text = newFolder();
  writeFileSync(join(text, 'raft.sqlite'), 'something else, and long enough to be read'.repeat(99));
  await refused(t, () => opened(text), /raft\.sqlite is damaged .*not a database/);
  const foreign = newFolder();
  await tamper(foreign, 'CREATE TABLE theirs (x)');
  await refused(t, () => opened(foreign), /expected .* of format 1, got another program's/);
  const later = newFolder();
  await written(later, UNITS);
  await tamper(later, 'PRAGMA user_version = 2');
  await refused(t, () => opened(later), /format 1, got format 2; run the version that wrote it/);
});

test('a directory that cannot be made or used is refused', async (t) => {
  const folder = newFolder();
  writeFileSync(join(folder, 'file'), '');
  for (const at of [join(folder, 'file'), join(folder, 'file', 'below'), '/proc/nowhere']) {
    await refused(t, () => opened(at), /cannot be used as data directory .*; name a directory/);
  }
});

test('it is made where it is missing, and may be opened again after its end', async (t) => {
  const folder = join(newFolder(), 'a', 'b');
  t.deepEqual(await found(folder), EMPTY);
  t.deepEqual(await found(folder), EMPTY);
});

function record(storage: SqliteStorage, name: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    storage.readRecord(name, (error, text) => (error === null ? resolve(text) : reject(error)));
  });
}

function setRecord(storage: SqliteStorage, name: string, text: string): Promise<unknown> {
  return new Promise((resolve) => storage.writeRecord(name, text, resolve));
}

test('records are kept by name, also before anything is loaded', async (t) => {
  const folder = newFolder();
  const storage = await opened(folder);
  t.is(await record(storage, 'identity'), null);
  t.is(await setRecord(storage, 'identity', '{"id":"n1 – 节点"}'), null);
  t.is(await setRecord(storage, 'peers', '1'), null);
  t.is(await setRecord(storage, 'peers', '2'), null);
  await close(storage);
  const next = await opened(folder);
  t.is(await record(next, 'identity'), '{"id":"n1 – 节点"}');
  t.is(await record(next, 'peers'), '2');
  await close(next);
  await tamper(folder, "UPDATE record SET text = '3' WHERE name = 'peers'");
  const last = await opened(folder);
  await refused(t, () => record(last, 'peers'), /the record 'peers' is damaged/);
  await close(last);
});

test('it can be cleared of all but its records, also when it was refused', async (t) => {
  const folder = newFolder();
  const storage = await opened(folder);
  await load(storage);
  await setRecord(storage, 'identity', 'n1');
  for (const unit of UNITS) await persist(storage, unit);
  await save(storage, snapshotAt(5, 1), pattern(5000, 1));
  await persist(storage, [compaction(5, 1)]);
  await close(storage);
  await tamper(folder, 'DELETE FROM unit');
  const next = await opened(folder);
  await refused(t, () => load(next), /damaged or missing/);
  t.is(await new Promise((resolve) => next.clear(resolve)), null);
  t.deepEqual(await load(next), EMPTY);
  t.is(await readBack(next, 5), null);
  t.is(await persist(next, [run(1, 2, 7)]), null);
  await close(next);
  t.is((await found(folder)).entries.length, 2);
  const last = await opened(folder);
  t.is(await record(last, 'identity'), 'n1');
  await close(last);
});

// ---- Full ---------------------------------------------------------------------------------------

async function filled(folder: string) {
  const events: boolean[] = [];
  const storage = await opened(folder, (full) => events.push(full));
  await load(storage);
  await persist(storage, [run(1, 9, 1)]);
  await save(storage, snapshotAt(3, 1), pattern(5000, 3));
  await new Promise((resolve) => storage.limitPages(100, resolve));
  const persisting = persist(storage, [entries(command(10, 1, MIB))]);
  await until('the disk is full', () => events.length > 0);
  return { storage, events, persisting };
}

test('a full disk is waited for, and whoever reads does not wait', async (t) => {
  const folder = newFolder();
  const { storage, events, persisting } = await filled(folder);
  const saving = save(storage, snapshotAt(6, 1), pattern(300, 6));
  t.deepEqual(await readBack(storage, 3), pattern(5000, 3));
  t.deepEqual(events, [true]);
  await new Promise((resolve) => storage.limitPages(10_000, resolve));
  t.is(await persisting, null);
  await saving;
  t.deepEqual(events, [true, false]);
  t.deepEqual(await readBack(storage, 6), pattern(300, 6));
  await close(storage);
  t.is((await found(folder)).entries.length, 10);
});

test('a record with a persist: both or neither, and nothing is noted before', async (t) => {
  const folder = newFolder();
  const events: boolean[] = [];
  const storage = await opened(folder, (full) => events.push(full));
  await load(storage);
  await setRecord(storage, 'identity', 'n1');
  await persist(storage, [run(1, 9, 1)]);
  await new Promise((resolve) => storage.limitPages(100, resolve));
  const both = new Promise((resolve) => {
    storage.persistWithRecord([entries(command(10, 1, MIB))], 'identity', 'n2', resolve);
  });
  await until('the disk is full', () => events.length > 0);
  const [before, after] = [newFolder(), newFolder()];
  // As a crash would leave it between the two: there is room for the record.
  copyFolder(folder, before);
  await new Promise((resolve) => storage.limitPages(10_000, resolve));
  t.is(await both, null);
  copyFolder(folder, after);
  await close(storage);
  const held = async (at: string): Promise<unknown[]> => {
    const reader = await opened(at);
    const { entries: all } = await load(reader);
    const identity = await record(reader, 'identity');
    await close(reader);
    return [identity, all.length];
  };
  t.deepEqual(await held(before), ['n1', 9]);
  t.deepEqual(await held(after), ['n2', 10]);
});

test('space that is given up makes room', async (t) => {
  const folder = newFolder();
  const events: boolean[] = [];
  const storage = await opened(folder, (full) => events.push(full));
  await load(storage);
  const ballast = storage.writeSnapshot(snapshotAt(3, 1));
  await new Promise((resolve) => ballast.write(new Uint8Array(MIB), resolve));
  await new Promise((resolve) => storage.limitPages(100, resolve));
  const persisting = persist(storage, [entries(command(1, 1, MIB / 2))]);
  await until('the disk is full', () => events.length > 0);
  ballast.cancel();
  // Tidying up goes on beside a write that waits.
  t.is(await persisting, null);
  t.deepEqual(events, [true, false]);
  await close(storage);
});

test('a full disk does not keep a node from ending', async (t) => {
  const folder = newFolder();
  const { storage, persisting } = await filled(folder);
  const ending = close(storage);
  t.regex((await persisting)?.message ?? '', /raft\.sqlite: the disk is full/);
  t.is(await ending, null);
  t.is((await found(folder)).entries.length, 9);
  t.regex((await persist(storage, [vote(1, 'n1')]))?.message ?? '', /closed/);
});

// ---- Compaction ---------------------------------------------------------------------------------

type Step =
  | { readonly kind: 'unit'; readonly parts: readonly Sketch[] }
  | { readonly kind: 'fold' }
  | { readonly kind: 'snapshot'; readonly of: SnapshotSketch }
  | { readonly kind: 'restart' };

/** Of small entries: all of them are compared after each step. */
const PARTS = fc.array(
  sketch.map((part) => ({ ...part, bytes: part.bytes % 8 })),
  { maxLength: 3 },
);

const STEPS: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('unit' as const), parts: PARTS }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('fold' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('snapshot' as const), of: snapshotSketch }),
    },
  ),
  { maxLength: 40 },
);

/** Units and a checkpoint as a database keeps them, beside a disk that keeps whole states. */
class Twins {
  readonly #disk = new MemoryDisk('disk of n1', crc32);
  #checkpoint = BLANK_CHECKPOINT;
  #units: Unit[] = [];
  #folding = new Folding(BLANK_CHECKPOINT, 2);
  #last = 0;
  /** Of the other disk: what is stored once a received snapshot is taken for the log. */
  #stored: Stored = EMPTY;
  foldedUnits = 0;

  take(step: Step): void {
    if (step.kind === 'unit') this.#write(step.parts);
    if (step.kind === 'fold') this.#fold();
    if (step.kind === 'snapshot') {
      const { index, term } = aimedAt(step.of.at, this.#stored);
      this.#disk.keepSnapshot({ meta: snapshotAt(index, term), data: pattern(1, 1) });
      this.restart();
    }
    if (step.kind === 'restart') this.restart();
  }

  /** What a start would find now is what the other disk holds. */
  agree(t: ExecutionContext): void {
    const state = startOf(this.#checkpoint);
    for (const unit of this.#units) replayUnit(state, unit, this.#checkpoint);
    const { currentTerm, votedFor, baseIndex, baseTerm, entries: kept } = this.#disk;
    const log = { baseIndex, baseTerm, entries: kept.slice() };
    holds(t, { ...state, snapshot: null }, { currentTerm, votedFor, ...log, snapshot: null });
  }

  restart(): void {
    const state = startOf(this.#checkpoint);
    this.#folding = new Folding(this.#checkpoint, 2);
    for (const unit of this.#units) {
      replayUnit(state, unit, this.#checkpoint);
      this.#folding.take(unit, 100);
    }
    const { snapshot } = this.#disk;
    if (adoptSnapshot(state, snapshot) && snapshot !== null) {
      this.#checkpoint = this.#folding.adopt(snapshot, this.#last);
    }
    this.#stored = this.#disk.recover();
  }

  #write(parts: readonly Sketch[]): void {
    const [changes, next] = unitOf(parts, this.#stored);
    const unit = { sequence: ++this.#last, changes };
    this.#units.push(unit);
    this.#folding.take(unit, 100);
    this.#disk.acknowledge(this.#disk.write(changes));
    this.#stored = next;
  }

  #fold(): void {
    const next = this.#folding.next();
    if (next === null) return;
    const left = this.#units.filter(({ sequence }) => sequence > next.folded);
    this.foldedUnits += this.#units.length - left.length;
    this.#checkpoint = next;
    this.#units = left;
    this.#folding.folded(next);
  }
}

test('whatever is folded, a crash after any step finds the same state', (t) => {
  let folded = 0;
  const property = fc.property(STEPS, (steps) => {
    const twins = new Twins();
    for (const step of steps) {
      twins.take(step);
      twins.agree(t);
    }
    folded += twins.foldedUnits;
  });
  always(t, property, 800);
  t.true(folded > 300, `${folded} units were folded`);
});

test('what compactions give up is used again', async (t) => {
  const folder = newFolder();
  const storage = await opened(folder);
  await load(storage);
  let expected = EMPTY;
  for (let index = 1; index <= 800; index++) {
    const unit = [entries(command(index, 1, 64 * KIB))];
    if (index % 100 === 0) {
      await save(storage, snapshotAt(index, 1), new Uint8Array(2 * MIB), 16 * KIB);
      unit.push(compaction(index - 10, 1));
    }
    expected = unit.reduce(after, expected);
    t.is(await persist(storage, unit), null);
  }
  await close(storage);
  // 66 MiB were written, and hardly more than 11 MiB count at any time.
  t.true(statSync(join(folder, 'raft.sqlite')).size < 14 * MIB);
  const { snapshot, ...log } = await found(folder);
  t.deepEqual(snapshot, snapshotAt(800, 1));
  holds(t, { ...log, snapshot: null }, expected);
});
