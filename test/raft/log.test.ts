/**
 * Shows the log and the leader's view of a follower in detail: bounds, batches, cuts with the
 * configurations among the entries, hints, and which refusals are stale.
 *
 *     npx ava test/raft/log.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import * as log from '../../src/raft/log.ts';
import {
  CHUNKS_MAX,
  createProgress,
  mayAppend,
  maySendChunk,
  onChunkSent,
  onEntriesGone,
  onHeard,
  onMatch,
  onReceiving,
  onReject,
  onSent,
} from '../../src/raft/progress.ts';
import type { Entry, Log, SnapshotTransfer } from '../../src/raft/types.ts';
import { encodeCommand, entriesOf, SETTINGS, simple } from './fixture.ts';

const BEFORE = { index: 0, configuration: simple('n1') };

function logOf(...terms: number[]): Log {
  return log.createLog(BEFORE, { baseIndex: 0, baseTerm: 0, entries: entriesOf(terms) });
}

function configurationEntry(index: number, ...voters: string[]): Entry {
  return Object.freeze({ index, term: 1, kind: 'configuration', configuration: simple(...voters) });
}

/** A log whose first entries are gone, as after a snapshot up to 5/2 (§5.1). */
function compacted(): Log {
  const content = { baseIndex: 5, baseTerm: 2, entries: entriesOf([2, 3], 6) };
  return log.createLog({ index: 4, configuration: simple('n1') }, content);
}

test('an empty log ends at 0, of term 0', (t) => {
  const empty = logOf();
  t.is(log.lastIndex(empty), 0);
  t.is(log.lastTerm(empty), 0);
  t.is(log.termAt(empty, 0), 0);
  t.is(log.termAt(empty, 1), undefined);
});

test('a compacted log knows the term of its base, and nothing before', (t) => {
  const short = compacted();
  t.is(log.lastIndex(short), 7);
  t.is(log.termAt(short, 4), undefined);
  t.is(log.termAt(short, 5), 2);
  t.is(log.termAt(short, 6), 2);
  t.is(log.termAt(short, 8), undefined);
  t.deepEqual(
    log.slice(short, 6, 7).map((entry) => entry.index),
    [6, 7],
  );
});

test('batches keep both bounds, and take one entry whatever its size', (t) => {
  const filled = logOf(1, 1, 1, 1);
  const size = log.entryBytes(filled.entries[0] as Entry);
  const indexes = (from: number, entries: number, bytes: number): number[] =>
    log.batchFrom(filled, from, entries, bytes).map((entry) => entry.index);
  t.deepEqual(indexes(1, 3, 1_000), [1, 2, 3]);
  t.deepEqual(indexes(3, 3, 1_000), [3, 4]);
  t.deepEqual(indexes(2, 10, 2 * size), [2, 3]);
  t.deepEqual(indexes(2, 10, 2 * size - 1), [2]);
  t.deepEqual(indexes(2, 10, 1), [2]);
  t.deepEqual(indexes(5, 10, 1_000), []);
});

test('the bytes of a batch are those of its commands', (t) => {
  const entry = (text: string): Entry => ({
    index: 1,
    term: 1,
    kind: 'command',
    command: encodeCommand(text),
  });
  t.is(log.entryBytes(entry('x'.repeat(100))) - log.entryBytes(entry('')), 100);
});

// §4.1: the latest configuration in the log is in force, committed or not; a cut goes back to the
// one before
test('a cut brings back the configuration before', (t) => {
  const filled = logOf(1);
  log.append(filled, [configurationEntry(2, 'n1', 'n2'), configurationEntry(3, 'n1', 'n2', 'n3')]);
  t.deepEqual(log.latestConfiguration(filled), simple('n1', 'n2', 'n3'));
  log.truncateFrom(filled, 3);
  t.deepEqual(log.latestConfiguration(filled), simple('n1', 'n2'));
  log.truncateFrom(filled, 1);
  t.deepEqual(log.latestConfiguration(filled), simple('n1'));
  t.is(log.lastIndex(filled), 0);
});

// §3.5, with hints:  index    1 2 3 4 5 6 7
//                    follower 1 1 4 4 6 6
//                    leader   1 1 4 4 4 5 5
// The follower's last possible match of 6/5 is 4/4: its entries 5 and 6 are of a later term than
// any entry up to 6 on the leader.
test('the hint is the last entry that could match', (t) => {
  const follower = logOf(1, 1, 4, 4, 6, 6);
  t.is(log.lastPossibleMatch(follower, 6, 5), 4);
  t.is(log.lastPossibleMatch(follower, 9, 7), 6, 'no further than its own end');
  t.is(log.lastPossibleMatch(follower, 2, 7), 2, 'no further than asked');
  t.is(log.lastPossibleMatch(logOf(3, 3), 2, 1), 0);
  t.is(log.lastPossibleMatch(compacted(), 7, 1), 5, 'no further back than the base');
});

/** Terms that never fall, as every log's do. */
const terms = fc
  .array(fc.integer({ min: 1, max: 5 }), { maxLength: 12 })
  .map((drawn) => drawn.sort((a, b) => a - b));

test('a hint never skips an entry that does match', (t) => {
  fc.assert(
    fc.property(terms, terms, fc.nat(12), (leader, follower, at) => {
      const prev = Math.min(at, leader.length);
      const prevTerm = leader[prev - 1] ?? 0;
      const hint = log.lastPossibleMatch(logOf(...follower), prev, prevTerm);
      const back = log.lastPossibleMatch(logOf(...leader), hint, follower[hint - 1] ?? 0);
      // Every index up to prev at which both logs have the same term lies at or below where they
      // meet.
      return leader.slice(0, prev).every((term, i) => follower[i] !== term || i + 1 <= back);
    }),
    { numRuns: 5_000 },
  );
  t.pass();
});

test('up-to-date is by last term, then by length', (t) => {
  const own = logOf(1, 2, 2);
  t.true(log.isUpToDate(own, 3, 1));
  t.true(log.isUpToDate(own, 2, 3));
  t.false(log.isUpToDate(own, 2, 2));
  t.false(log.isUpToDate(own, 1, 9));
});

// §5.1
test('compaction removes the entries up to a base, which keeps its term', (t) => {
  const filled = logOf(1, 1, 2, 2, 3);
  log.compactTo(filled, 3, 2);
  t.like(filled, { baseIndex: 3, baseTerm: 2 });
  t.deepEqual(
    filled.entries.map(({ index }) => index),
    [4, 5],
  );
  t.is(log.lastIndex(filled), 5);
  t.is(log.lastTerm(filled), 3);
  log.compactTo(filled, 2, 1);
  t.is(filled.baseIndex, 3, 'a base never goes back');
  log.compactTo(filled, 5, 3);
  t.deepEqual(filled.entries, []);
  t.is(log.lastTerm(filled), 3, 'the base is its last entry then');
});

// Figure 5.3, receiver 6 and 7: only "if existing log entry has same index and term" does any of
// the log stay
test('compaction to an entry that the log does not hold empties it', (t) => {
  const other = logOf(1, 1, 1, 1);
  log.compactTo(other, 3, 2);
  t.like(other, { baseIndex: 3, baseTerm: 2, entries: [] });
  const short = logOf(1, 1);
  log.compactTo(short, 7, 2);
  t.like(short, { baseIndex: 7, baseTerm: 2, entries: [] });
  t.is(log.lastIndex(short), 7);
});

test('cuts, slices and batches count from the base', (t) => {
  const indexes = (entries: readonly Entry[]): number[] => entries.map(({ index }) => index);
  const short = compacted();
  t.deepEqual(indexes(log.batchFrom(short, 6, 10, 1_000)), [6, 7]);
  t.deepEqual(indexes(log.batchFrom(short, 7, 10, 1_000)), [7]);
  t.deepEqual(indexes(log.batchFrom(short, 8, 10, 1_000)), []);
  t.is(log.bytesFrom(short, 7), log.entryBytes(short.entries[1] as Entry));
  t.is(log.bytesFrom(short, 8), 0);
  log.truncateFrom(short, 7);
  t.deepEqual(indexes(short.entries), [6]);
  log.truncateFrom(short, 6);
  t.is(log.lastIndex(short), 5);
  t.is(log.lastTerm(short), 2);
});

// §4.1, §5.1: a snapshot holds the configuration as of its last entry
test('each index has the configuration that was the latest there', (t) => {
  const filled = logOf(1);
  log.append(filled, [configurationEntry(2, 'n1', 'n2'), ...entriesOf([1], 3)]);
  log.append(filled, [configurationEntry(4, 'n2')]);
  const at = (index: number): unknown => log.configurationAt(filled, index);
  t.deepEqual(at(1), BEFORE);
  t.deepEqual(at(2), { index: 2, configuration: simple('n1', 'n2') });
  t.deepEqual(at(3), { index: 2, configuration: simple('n1', 'n2') });
  t.deepEqual(at(9), { index: 4, configuration: simple('n2') });
});

test('behind the configuration of the latest snapshot none is known any more', (t) => {
  t.throws(() => log.configurationAt(compacted(), 3), { message: /no configuration .* entry 3/ });
});

test('entries kept behind a snapshot bring no configuration older than its own', (t) => {
  const entries = [configurationEntry(3, 'n1', 'n2'), configurationEntry(4, 'n1', 'n3')];
  const placed = { index: 4, configuration: simple('n1', 'n3') };
  const kept = log.createLog(placed, { baseIndex: 2, baseTerm: 1, entries });
  t.deepEqual(kept.configurations, [placed]);
  log.append(kept, [configurationEntry(5, 'n3')]);
  log.truncateFrom(kept, 5);
  t.deepEqual(log.latestConfiguration(kept), simple('n1', 'n3'));
});

const WINDOW = { ...SETTINGS, windowMessages: 2, windowBytes: 100 };

test('a probe is one message; the first match opens the window', (t) => {
  const progress = createProgress('n2', 5);
  t.true(mayAppend(progress, WINDOW));
  onSent(progress, 6, 20);
  t.false(mayAppend(progress, WINDOW));
  t.true(onMatch(progress, 6, 0));
  t.like(progress, { state: 'replicate', matchIndex: 6, nextIndex: 7 });
  onSent(progress, 8, 20);
  onSent(progress, 9, 20);
  t.false(mayAppend(progress, WINDOW));
  t.like(progress, { inflightBytes: 40 });
  t.true(onMatch(progress, 8, 0));
  t.deepEqual(progress.inflight, [{ lastIndex: 9, bytes: 20 }]);
  t.false(onMatch(progress, 7, 0), 'an older acknowledgement is no news');
  t.is(progress.matchIndex, 8);
});

test('the window is bounded in bytes, too, and an empty one takes anything', (t) => {
  const progress = createProgress('n2', 5);
  onMatch(progress, 5, 0);
  onSent(progress, 6, 1_000);
  t.false(mayAppend(progress, WINDOW), 'one of two messages, but more than 100 bytes');
  onMatch(progress, 6, 0);
  t.like(progress, { inflight: [], inflightBytes: 0 });
  t.true(mayAppend(progress, WINDOW));
});

test('stale refusals are ignored, fresh ones go back, never below what matches', (t) => {
  const progress = createProgress('n2', 5);
  t.false(onReject(progress, 3, 2, 0), 'a probe that was not the last');
  t.true(onReject(progress, 5, 3, 0));
  t.is(progress.nextIndex, 4);
  onMatch(progress, 3, 0);
  onSent(progress, 6, 20);
  t.false(onReject(progress, 3, 1, 0), 'what is below matchIndex is known to be there');
  t.true(onReject(progress, 6, 1, 0));
  t.like(progress, { state: 'probe', nextIndex: 4, inflight: [], inflightBytes: 0 });
});

test('the refusals of a pipeline that was given up do not give up the next one', (t) => {
  const progress = createProgress('n2', 5);
  onMatch(progress, 5, 0);
  for (const sent of [6, 7, 8]) onSent(progress, sent, 20);
  // The first of three was overtaken: the two behind it are refused, and only one refusal counts.
  t.true(onReject(progress, 6, 5, 0));
  t.like(progress, { state: 'probe', nextIndex: 6, attempt: 1 });
  onSent(progress, 6, 20);
  t.false(onReject(progress, 7, 5, 0));
  t.true(onMatch(progress, 6, 0), 'what a late answer says is durable counts');
  t.is(progress.state, 'probe', 'but the probe has not been answered');
  t.true(onMatch(progress, 8, 1));
  t.like(progress, { state: 'replicate', matchIndex: 8, nextIndex: 9 });
});

// Figure 5.3
test('who is sent a snapshot is sent entries again when it has as much as that', (t) => {
  const progress = createProgress('n2', 9);
  onMatch(progress, 3, 0);
  onEntriesGone(progress, 7, 0);
  t.like(progress, {
    state: 'snapshot',
    nextIndex: 8,
    snapshot: { index: 7, acknowledged: 0, next: 0 },
  });
  t.false(mayAppend(progress, WINDOW));
  t.false(onReject(progress, 4, 3, progress.attempt), 'a refusal of what was sent before');
  t.true(onMatch(progress, 5, 0), 'an acknowledgement of what was sent before');
  t.is(progress.state, 'snapshot');
  t.true(onMatch(progress, 7, 0));
  t.like(progress, { state: 'replicate', matchIndex: 7, nextIndex: 8, snapshot: null });
});

// RFC 6298, section 2
test('the round trip is smoothed, and what was overtaken says nothing of it', (t) => {
  const progress = createProgress('n2', 5);
  onHeard(progress, 1_000, 1_800);
  t.like(progress, { roundTripUs: 800, roundTripVariationUs: 400, heardSentUs: 1_000 });
  onHeard(progress, 500, 9_000);
  t.like(progress, { roundTripUs: 800, heardSentUs: 1_000 });
  onHeard(progress, 2_000, 3_600);
  t.like(progress, { roundTripUs: 900, roundTripVariationUs: 500, heardSentUs: 2_000 });
});

// ---- Chunks of a snapshot -----------------------------------------------------------------------

/** Chunks of 10 bytes. */
function transferAt(nowUs: number): SnapshotTransfer {
  const progress = createProgress('n2', 5);
  onEntriesGone(progress, 9, nowUs);
  if (progress.snapshot === null) throw new Error('no transfer has begun');
  return progress.snapshot;
}

function sendAll(transfer: SnapshotTransfer, nowUs: number): number {
  let sent = 0;
  for (; maySendChunk(transfer, 10); sent++) onChunkSent(transfer, 10, nowUs);
  return sent;
}

test('the window of chunks grows with each that arrives, up to its bound', (t) => {
  const transfer = transferAt(0);
  const sent = [sendAll(transfer, 0)];
  for (let chunk = 1; chunk <= 12; chunk++) {
    onReceiving(transfer, chunk * 10, chunk - 1, false, 0);
    sent.push(sendAll(transfer, chunk));
  }
  t.deepEqual(sent, [1, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1]);
  t.is(transfer.next - transfer.acknowledged, 10 * CHUNKS_MAX);
});

test('answers that are slow make the window smaller, down to one chunk', (t) => {
  const transfer = transferAt(0);
  sendAll(transfer, 0);
  for (const [offset, slow] of [
    [10, false],
    [20, false],
    [30, true],
    [40, true],
    [50, true],
  ] as const) {
    onReceiving(transfer, offset, 0, slow, 0);
  }
  t.is(transfer.window, 1);
});

test('a chunk is lost only if an answer to what was sent after all chunks lacks it', (t) => {
  const transfer = transferAt(0);
  sendAll(transfer, 0);
  for (const offset of [10, 20, 30]) onReceiving(transfer, offset, 0, false, 0);
  sendAll(transfer, 5);
  t.like(transfer, { acknowledged: 30, next: 70, window: 4 });
  onReceiving(transfer, 30, 5, false, 0);
  t.is(transfer.next, 70, 'an answer to the last chunk itself: the others are on their way');
  onReceiving(transfer, 40, 6, false, 0);
  t.like(transfer, { acknowledged: 40, next: 40, window: 2, windowMax: 2 });
  // It recovers by an eighth of a chunk with each that arrives.
  for (let offset = 50; offset <= 120; offset += 10) onReceiving(transfer, offset, 6, false, 0);
  t.like(transfer, { window: 3, windowMax: 3 });
});

test('a question may overtake a chunk that is still being read', (t) => {
  const transfer = transferAt(0);
  sendAll(transfer, 0);
  onReceiving(transfer, 0, 100, false, 100);
  t.is(transfer.next, 10);
  onReceiving(transfer, 0, 101, false, 100);
  t.is(transfer.next, 0);
});

test('a follower that has lost what it had is sent all of it again', (t) => {
  const transfer = transferAt(0);
  sendAll(transfer, 0);
  onReceiving(transfer, 10, 0, false, 0);
  sendAll(transfer, 1);
  onReceiving(transfer, 0, 2, false, 0);
  t.like(transfer, { acknowledged: 0, next: 0 });
});

test('a chunk that comes late is not taken for news', (t) => {
  const transfer = transferAt(0);
  sendAll(transfer, 0);
  onReceiving(transfer, 20, 0, false, 0);
  onReceiving(transfer, 10, 0, false, 0);
  t.like(transfer, { acknowledged: 20, next: 20 });
});
