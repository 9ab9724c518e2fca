/**
 * Shows that a request is answered once, by the node or by the clock, whichever comes first; that
 * answers stay within their room; and which term an answer tells.
 *
 *     npx ava test/requests.test.ts
 */
import test from 'ava';
import type { Status } from '../src/command.ts';
import type { Client, Node } from '../src/node.ts';
import type { Entry, RaftState } from '../src/raft/types.ts';
import { Requests } from '../src/requests.ts';
import { Room } from '../src/room.ts';
import { server } from './raft/fixture.ts';
import { bytesOf, operation } from './support/records.ts';

const LONG_MS = 60_000;
const IDENTITY = { clientId: 1, requestNumber: 1, lowestPending: 1 };

/** Requests to a node that takes them and answers when the test says so. */
function rig({ timeoutMs = LONG_MS, room = new Room(10_000), terms = [] as number[] } = {}) {
  const asked: Client[] = [];
  const state: RaftState = server({ term: 7, terms });
  const take = (client: Client): number => asked.push(client);
  const node = { write: take, read: take, state } as unknown as Node;
  const requests = new Requests(
    () => node,
    () => {},
    timeoutMs,
    room,
  );
  /** What was asked as the `number`th, from 0, is answered. */
  const answer = (number: number, status: Status, index: number, value: string | null): void => {
    const client = asked[number];
    if (client === undefined) throw new Error(`nothing was asked as number ${number}`);
    const result = { status, index, value: value === null ? null : bytesOf(value) };
    client.results.result(1, 1, result);
    client.deliver();
  };
  return { answer, requests, room, state };
}

test('the node answers, and what it says again is nothing', async (t) => {
  const { answer, requests } = rig({ terms: [3, 5] });
  const written = requests.write(operation('put', 'k', 'v'), IDENTITY);
  const read = requests.read(bytesOf('k'), 'linearizable');
  t.is(requests.waiting, 2);
  answer(1, 'ok', 1, 'v');
  t.is(requests.waiting, 1);
  answer(0, 'ok', 2, null);
  t.deepEqual(await written, { status: 'ok', value: null, index: 2, term: 5 });
  t.deepEqual(await read, { status: 'ok', value: bytesOf('v'), index: 1, term: 3 });
  t.notThrows(() => answer(0, 'notFound', 2, null));
  t.is(requests.waiting, 0);
  requests.stop();
});

test('the clock answers first, and what the node says then is nothing', async (t) => {
  const { answer, requests, room } = rig({ timeoutMs: 1 });
  const replies = await Promise.all([
    requests.write(operation('put', 'k', 'v'), null),
    requests.read(bytesOf('k'), 'linearizable'),
  ]);
  const timedOut = { status: 'noQuorum', value: null, index: 0, term: 0 } as const;
  t.deepEqual(replies, [timedOut, timedOut]);
  t.is(requests.waiting, 0);
  t.notThrows(() => answer(0, 'ok', 1, null));
  t.notThrows(() => answer(1, 'ok', 1, 'v'.repeat(5000)));
  t.is(room.usedBytes, 0);
  requests.stop();
});

test('of an entry that is gone from the log the present term is told, of none 0', async (t) => {
  const { answer, requests, state } = rig({ terms: [3, 5] });
  const [first] = state.persistent.log.entries as [Entry];
  Object.assign(state.persistent.log, {
    baseIndex: first.index,
    baseTerm: first.term,
    entries: state.persistent.log.entries.slice(1),
  });
  const ask = (): ReturnType<Requests['read']> => requests.read(bytesOf('k'), 'linearizable');
  const replies = [ask(), ask(), ask()];
  answer(0, 'ok', 2, 'v');
  answer(1, 'ok', 9, 'v');
  answer(2, 'notLeader', 0, null);
  t.deepEqual(
    (await Promise.all(replies)).map(({ term }) => term),
    [5, 7, 0],
  );
  requests.stop();
});

test('what is found is held back where there is no room for it, unless it is short', async (t) => {
  const { answer, requests, room } = rig();
  room.take(6000);
  const [short, long, tooLong] = ['s'.repeat(4096), 'l'.repeat(4097), 'x'.repeat(10_001)];
  const read = (): ReturnType<Requests['read']> => requests.read(bytesOf('k'), 'linearizable');
  const replies = [read(), read(), requests.write(operation('delete', 'k'), IDENTITY), read()];
  answer(0, 'ok', 1, short);
  answer(1, 'ok', 1, long);
  answer(2, 'ok', 1, tooLong);
  room.give(6000);
  answer(3, 'ok', 1, long);
  t.deepEqual(
    (await Promise.all(replies)).map(({ status, value }) => [status, value?.byteLength ?? 0]),
    [
      ['ok', 4096],
      ['overloaded', 0],
      ['outcomeUnknown', 0],
      ['ok', 4097],
    ],
  );
  t.is(room.usedBytes, 0, 'what was taken makes room');
  requests.stop();
});

test('who still waits at the end is told that the outcome is unknown', async (t) => {
  const { answer, requests } = rig();
  const replies = [
    requests.write(operation('put', 'k', 'v'), IDENTITY),
    requests.write(operation('put', 'l', 'v'), IDENTITY),
  ];
  answer(0, 'ok', 0, null);
  requests.stop();
  t.is(requests.waiting, 0);
  t.deepEqual(
    (await Promise.all(replies)).map(({ status }) => status),
    ['ok', 'outcomeUnknown'],
  );
  t.notThrows(() => answer(1, 'ok', 1, null));
});
