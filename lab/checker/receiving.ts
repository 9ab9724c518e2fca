/**
 * What is owed for each chunk of a snapshot (figure 5.3): it is kept where it follows on, its
 * sender hears how far the receiver has come, and once it is installed whoever leads hears that.
 */
import type {
  Effect,
  InstallSnapshot,
  InstallSnapshotResponse,
  RaftState,
  SnapshotMeta,
} from '../../src/raft/types.ts';
import { isOrder, type Memory, type Step } from './memory.ts';
import { fail } from './properties.ts';

export function checkReceiving(step: Step, memory: Memory): void {
  const { input, message } = step;
  if (message?.kind === 'InstallSnapshot') {
    if (isOrder(message, memory)) checkChunkTaken(step, memory, message);
  } else if (input.kind === 'snapshotReceived') checkInstalled(step, memory, input.snapshot);
}

function checkChunkTaken(step: Step, memory: Memory, message: InstallSnapshot): void {
  const { effects, state } = step;
  const { from, offset, snapshot } = message;
  const of = `a chunk at ${offset} of the snapshot of ${snapshot.index} from ${from}`;
  const before = memory.receiving?.from === from ? memory.receiving : null;
  const isKnown = snapshot.index <= memory.commitIndex;
  // One server's snapshots come in the order of their indexes.
  const isLate = !isKnown && before !== null && before.snapshot.index > snapshot.index;
  const continues = before?.snapshot.index === snapshot.index;
  const due = continues ? memory.receivedBytes : 0;
  const follows = offset === due && (message.data.byteLength > 0 || message.done);
  const isWanted = !isKnown && !isLate && follows && !(continues && memory.receivedAll);
  const chunks = effects.filter((effect) => effect.kind === 'receiveChunk');
  if (chunks.length !== (isWanted ? 1 : 0)) {
    const has = isWanted ? 'drops' : 'keeps';
    const where = isKnown ? `${memory.commitIndex} is committed` : `${due} was due`;
    fail('chunksInOrder', `${state.id} ${has} ${of}, where ${where}`);
  }
  for (const chunk of chunks) checkKeptAsSent(state, chunk, message, of);
  const { receiving } = state.volatile;
  const awaits = receiving === null ? 'nothing' : `that of ${receiving.snapshot.index}`;
  let isRight = receiving?.from === from && receiving.snapshot.index === snapshot.index;
  if (isKnown) isRight = receiving === null;
  else if (isLate) isRight = receiving === before;
  if (!isRight) fail('chunksInOrder', `${state.id} receives ${awaits} after ${of}`);
  checkResponse(step, message, isLate ? null : isKnown ? 'installed' : progressOf(state), of);
}

function checkKeptAsSent(
  { id }: RaftState,
  { data, done, offset, snapshot }: Effect & { kind: 'receiveChunk' },
  message: InstallSnapshot,
  of: string,
): void {
  const same = data === message.data && done === message.done && offset === message.offset;
  if (same && snapshot === message.snapshot) return;
  fail('chunksInOrder', `${id} keeps another chunk than came: ${of}`);
}

/** `received`, or the offset that comes next. */
function progressOf({ volatile }: RaftState): 'received' | number {
  const { receiving } = volatile;
  return receiving?.complete === true ? 'received' : (receiving?.offset ?? 0);
}

function checkResponse(
  { effects, state }: Step,
  { from, snapshot }: Pick<InstallSnapshot, 'from' | 'snapshot'>,
  due: 'installed' | 'received' | number | null,
  of: string,
): void {
  const answers: (string | number)[] = [];
  for (const effect of effects) {
    if (effect.kind !== 'send' || effect.message.kind !== 'InstallSnapshotResponse') continue;
    const { message } = effect;
    const isOf = message.to === from && message.index === snapshot.index;
    answers.push(isOf ? told(message) : `something to ${message.to}`);
  }
  if (due === null ? answers.length === 0 : answers.length === 1 && answers[0] === due) return;
  const says = answers.join(', ') || 'nothing';
  fail('chunksInOrder', `${state.id} answers ${says} to ${of}, not ${due ?? 'nothing'}`);
}

function told(response: InstallSnapshotResponse): string | number {
  return response.status === 'receiving' ? response.offset : response.status;
}

/** The leader that sent it hears of it, if it still leads; nobody else does. */
function checkInstalled(step: Step, memory: Memory, snapshot: SnapshotMeta): void {
  const { receiving, receivedAll } = memory;
  const { leaderId } = step.state.volatile;
  const isAwaited = receiving?.snapshot.index === snapshot.index && receivedAll;
  const from = receiving?.from ?? '';
  const due = isAwaited && leaderId === from ? 'installed' : null;
  checkResponse(
    step,
    { from, snapshot },
    due,
    `the last chunk of the snapshot of ${snapshot.index}`,
  );
  if (!isAwaited || step.state.volatile.receiving === null) return;
  fail('chunksInOrder', `${step.state.id} awaits a snapshot that it has received`);
}
