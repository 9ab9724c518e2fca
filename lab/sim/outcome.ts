/** What is judged when a run has recovered: replicas, sessions, and what the clients saw. */
import { contentDigest } from '../../src/kv.ts';
import { checkState } from '../../src/raft/invariants.ts';
import { ByteTable } from '../../src/table.ts';
import type { Acknowledged } from '../acknowledged.ts';
import { CheckFailure, PROPERTIES } from '../checker.ts';
import { checkLinearizability } from '../linearizability.ts';
import type { Model } from '../model.ts';
import { countLost, type Replay, replayCommitted } from '../replay.ts';
import type { Member } from './member.ts';
import type { Simulation } from './simulation.ts';

const NS_PER_MS = 1_000_000;
const US_PER_MS = 1000;
/** Arguments of a call. */
const LATIN1_CHUNK = 4096;

/** Throws CheckFailure for the first thing that does not hold. */
export function checkOutcome({ members, clients, committed, events, schedule }: Simulation): void {
  const up = [...members.values()].filter(({ isUp }) => isUp);
  for (const { raft } of up) if (raft !== null) checkState(raft);
  const furthest = up.reduce((a, b) => (applied(b) > applied(a) ? b : a));
  const { sessionsMax } = schedule.clients;
  const replay = replayCommitted(committed.slice(0, applied(furthest)), latin1, { sessionsMax });
  for (const member of up) checkExecutions(member, replay);
  checkReplicas(up, furthest, replay);
  const lost = countLost(clients.acknowledged, replay.executed);
  if (lost > 0) {
    const message = `${lost} acknowledged writes are not in the committed log`;
    throw new CheckFailure(PROPERTIES.exactlyOnce, message);
  }
  checkRefusals(clients.refused, replay);
  // Only who asks once has numbers of its own where there is no session.
  if (schedule.clients.once !== undefined) checkOnce(replay);
  checkHistory(clients.history, events.nowUs / US_PER_MS);
}

/** What a client was told is surely not executed must not be in the log, then or later. */
function checkRefusals(refused: Acknowledged, { executed }: Replay): void {
  let done = 0;
  for (const [clientId, requests] of refused) {
    const seen = executed.get(clientId);
    requests.forEach((isRefused, requestNumber) => {
      if (isRefused === 1 && seen?.[requestNumber] === 1) done++;
    });
  }
  if (done > 0) {
    const message = `${done} writes were refused as surely not executed, and take effect`;
    throw new CheckFailure(PROPERTIES.definiteRefusals, message);
  }
}

function checkOnce({ repeated }: Replay): void {
  if (repeated === 0) return;
  const message = `${repeated} writes that were sent once take effect twice`;
  throw new CheckFailure(PROPERTIES.exactlyOnce, message);
}

function applied({ raft }: Member): number {
  return raft?.volatile.lastApplied ?? 0;
}

function checkExecutions(member: Member, { countAt }: Replay): void {
  const expected = countAt[applied(member)];
  const { executed } = member.kv.counters;
  if (executed === expected) return;
  throw new CheckFailure(
    PROPERTIES.exactlyOnce,
    `${member.id} has executed ${executed} commands where ${expected} take effect`,
  );
}

function checkReplicas(up: readonly Member[], furthest: Member, { model }: Replay): void {
  const expected = digestOf(model);
  const sessions = furthest.kv.digest();
  for (const member of up) {
    if (applied(member) !== applied(furthest)) continue;
    const { id, kv } = member;
    const found = kv.contentDigest();
    if (found !== expected) {
      const message = `${id} holds ${found}, its log makes ${expected}`;
      throw new CheckFailure(PROPERTIES.replicasEqual, message);
    }
    if (kv.digest() === sessions) continue;
    const message = `${id} and ${furthest.id} have applied the same and differ in their sessions`;
    throw new CheckFailure(PROPERTIES.replicasEqual, message);
  }
}

function checkHistory(history: Simulation['clients']['history'], endMs: number): void {
  const result = checkLinearizability(history);
  if (result.verdict === 'ok') return;
  const { key, longest, stuck, window } = result;
  const how = result.verdict === 'unknown' ? 'could not be decided' : 'is not linearizable';
  throw new CheckFailure(
    PROPERTIES.linearizability,
    `the history of key ${key} ${how}: after ${longest.length} operations none of ` +
      `${stuck.length} others fits`,
    Math.min(window.toNs / NS_PER_MS, endMs),
  );
}

function digestOf(model: Model): string {
  const table = new ByteTable();
  for (const [key, value] of model.state) {
    const record = new Uint8Array(key.length + value.length);
    const text = key + value;
    for (let i = 0; i < text.length; i++) record[i] = text.charCodeAt(i);
    table.set(record, 0, key.length, key.length, value.length);
  }
  return contentDigest(table);
}

/** A string of as many characters as bytes. */
function latin1(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > LATIN1_CHUNK) {
    const middle = start + LATIN1_CHUNK;
    return latin1(bytes, start, middle) + latin1(bytes, middle, end);
  }
  return String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
}
