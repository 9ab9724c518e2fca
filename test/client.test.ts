/**
 * Shows that clients find the leader by its hints or by asking around, repeat a request under its
 * own number until it is answered once, and end each call with what they can know of it: ok, surely
 * not, or unknown; that registered clients wait for their id, and get another when it has expired;
 * and that reads go where their way of reading says.
 *
 *     npx ava test/client.test.ts
 */
import { crc32 } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { type ClientSettings, ClusterClient } from '../lab/client.ts';
import type { Outcome, ReadWay } from '../lab/cluster.ts';
import { encodeClientId, FIRST_REGISTERED_CLIENT, type Status } from '../src/command.ts';
import { decodeRequest, encodeResponse } from '../src/transport/client-frame.ts';
import type { Socket } from '../src/transport/transport.ts';
import { always } from './support/property.ts';
import {
  type Answered,
  type Command,
  commandsOf,
  encodeResults,
  operation,
  textOf,
} from './support/records.ts';

type Sent = {
  readonly kind: 'write' | `${string} read`;
  readonly commands: readonly Command[];
};

/** A node as its clients see it: requests come in, and the test says what is answered. */
class FakeNode implements Socket {
  readonly readyState = 1;
  readonly bufferedAmount = 0;
  onmessage: Socket['onmessage'] = null;
  readonly requests: Sent[] = [];
  closed = false;

  send(data: Uint8Array): void {
    const request = decodeRequest(data, crc32);
    if (request === null) throw new Error('a request arrived damaged');
    const commands = commandsOf(request.batch);
    if (commands.length !== request.count) throw new Error(`${request.count} records announced`);
    const kind = request.kind === 'write' ? request.kind : (`${request.mode} read` as const);
    this.requests.push({ kind, commands });
  }

  close(): void {
    this.closed = true;
  }

  /** The commands that came since the last call. */
  take(): Command[] {
    return this.requests.splice(0).flatMap(({ commands }) => commands);
  }

  answer(leaderId: string | null, ...results: Answered[]): void {
    this.onmessage?.({
      data: encodeResponse({ leaderId, results: encodeResults(results) }, crc32),
    });
  }
}

const RETRY_MS = 200;
const TIMEOUT_MS = 1000;

class Rig {
  nowUs = 1_000_000_000;
  readonly nodes = { n1: new FakeNode(), n2: new FakeNode(), n3: new FakeNode() };
  readonly ended: [requestNumber: number, outcome: Outcome][] = [];
  /** The client ids of the calls that ended, in the same order. */
  readonly endedBy: number[] = [];
  readonly client: ClusterClient;
  flushesAsked = 0;

  constructor(settings: Partial<ClientSettings> = {}) {
    this.client = new ClusterClient(
      { clients: 2, requestTimeoutMs: TIMEOUT_MS, retryMs: RETRY_MS, ...settings },
      () => this.nowUs,
      () => this.flushesAsked++,
      crc32,
    );
    for (const [id, node] of Object.entries(this.nodes)) this.client.connect(id, node);
  }

  put(client = 0): void {
    this.#call(client, operation('put', 'k', 'v'));
  }

  get(client = 0, read?: ReadWay): void {
    this.#call(client, operation('get', 'k'), read);
  }

  #call(client: number, asked: Command[0], read?: ReadWay): void {
    const done = (outcome: Outcome, requestNumber: number, clientId: number): void => {
      this.ended.push([requestNumber, outcome]);
      this.endedBy.push(clientId);
    };
    this.client.call(client, asked, done, read);
  }

  /**
   * Time passes; what is overdue is repeated, what is too late given up, and all of it goes out.
   */
  pass(ms: number): void {
    this.nowUs += ms * 1000;
    this.client.sweep();
    this.client.flush();
  }

  outcomes(): [number, string][] {
    return this.ended.map(([requestNumber, { kind }]) => [requestNumber, kind]);
  }
}

function told(requestNumber: number, status: Status = 'ok', clientId = 1): Answered {
  return { clientId, requestNumber, status, value: null, index: status === 'ok' ? 7 : 0 };
}

/** Client, number and lowest pending of what was sent. */
function identities(commands: readonly Command[]): number[][] {
  return commands.map(([, { clientId, requestNumber, lowestPending }]) => [
    clientId,
    requestNumber,
    lowestPending,
  ]);
}

function withRig(settings?: Partial<ClientSettings>): Pick<Rig, 'client' | 'nodes'> & { rig: Rig } {
  const rig = new Rig(settings);
  return { rig, client: rig.client, nodes: rig.nodes };
}

test('what is called within a turn goes out in one frame of writes and one of reads', (t) => {
  const { rig, client, nodes } = withRig();
  rig.put(0);
  rig.get(0);
  rig.put(1);
  t.deepEqual(nodes.n1.requests, []);
  t.true(rig.flushesAsked > 0);
  client.flush();
  client.flush();
  t.deepEqual(
    nodes.n1.requests.map(({ kind, commands }) => [kind, identities(commands)]),
    [
      [
        'write',
        [
          [1, 1, 1],
          [2, 1, 1],
        ],
      ],
      ['linearizable read', [[1, 2, 1]]],
    ],
  );
  t.deepEqual([nodes.n2.requests, nodes.n3.requests], [[], []]);
});

test('an answer ends its call, once, with what was found', (t) => {
  const { rig, client, nodes } = withRig();
  rig.put();
  rig.get();
  t.is(client.pendingCount, 2);
  client.flush();
  const value = new TextEncoder().encode('found');
  nodes.n1.answer('n1', { ...told(2), value, index: 0 }, told(1));
  t.is(client.pendingCount, 0);
  t.deepEqual(rig.outcomes(), [
    [2, 'ok'],
    [1, 'ok'],
  ]);
  const [[, read] = [], [, write] = []] = rig.ended;
  t.is(read?.kind === 'ok' ? textOf(read.result.value) : null, 'found');
  t.deepEqual(write, { kind: 'ok', result: { status: 'ok', value: null, index: 7 } });
  nodes.n1.answer('n1', told(1), told(2));
  nodes.n2.answer('n1', told(1));
  t.is(rig.ended.length, 2, 'duplicates are ignored');
});

test('answers that were refused by the state machine are answers', (t) => {
  for (const status of ['notFound', 'alreadyExists', 'mismatch'] as const) {
    const { rig, client, nodes } = withRig();
    rig.put();
    client.flush();
    nodes.n1.answer('n1', told(1, status));
    const outcome = rig.ended[0]?.[1];
    t.is(outcome?.kind === 'ok' ? outcome.result.status : null, status);
  }
});

test('a hint is followed at once, under the same number, and later calls go there too', (t) => {
  const { rig, client, nodes } = withRig();
  rig.put();
  client.flush();
  nodes.n1.take();
  nodes.n1.answer('n3', told(1, 'notLeader'));
  client.flush();
  t.deepEqual(identities(nodes.n3.take()), [[1, 1, 1]]);
  rig.put();
  client.flush();
  t.deepEqual(identities(nodes.n3.take()), [[1, 2, 1]]);
  t.deepEqual([nodes.n1.take(), nodes.n2.take(), rig.ended], [[], [], []]);
});

test('every refusal is retried, which the session makes safe', (t) => {
  for (const status of ['notLeader', 'notExecuted', 'outcomeUnknown'] as const) {
    const { rig, client, nodes } = withRig();
    rig.put();
    client.flush();
    nodes.n1.answer('n2', told(1, status));
    client.flush();
    t.deepEqual(identities(nodes.n2.take()), [[1, 1, 1]], status);
    nodes.n2.answer('n2', told(1));
    t.deepEqual(rig.outcomes(), [[1, 'ok']]);
  }
});

test('hints that lead in a circle are not followed for ever', (t) => {
  const { rig, client, nodes } = withRig();
  rig.put();
  client.flush();
  let sent = nodes.n1.take().length;
  for (let i = 0; i < 20; i++) {
    const [asked, hint] = i % 2 === 0 ? ([nodes.n1, 'n2'] as const) : ([nodes.n2, 'n1'] as const);
    asked.answer(hint, told(1, 'notLeader'));
    client.flush();
    sent += nodes.n1.take().length + nodes.n2.take().length;
  }
  t.true(sent >= 2 && sent <= 5, `${sent} times`);
  rig.pass(1);
  t.is(nodes.n1.take().length + nodes.n2.take().length + nodes.n3.take().length, 1, 'but later on');
});

test('two nodes that name each other, or nobody, do not keep a third from being asked', (t) => {
  const { rig, client, nodes } = withRig();
  rig.put();
  client.flush();
  // As two that have left the cluster: n1 still takes n2 for the leader, n2 knows of none.
  for (let i = 0; i < 20 && nodes.n3.requests.length === 0; i++) {
    if (nodes.n1.take().length > 0) nodes.n1.answer('n2', told(1, 'notLeader'));
    client.flush();
    if (nodes.n2.take().length > 0) nodes.n2.answer(null, told(1, 'notLeader'));
    rig.pass(1);
  }
  t.deepEqual(identities(nodes.n3.take()), [[1, 1, 1]]);
});

test('without a hint to follow another node is asked at the next sweep', (t) => {
  for (const hint of [null, 'n1', 'n9']) {
    const { rig, client, nodes } = withRig();
    rig.put();
    client.flush();
    nodes.n1.take();
    nodes.n1.answer(hint, told(1, 'notLeader'));
    client.flush();
    t.deepEqual(nodes.n1.take().length + nodes.n2.take().length + nodes.n3.take().length, 0);
    rig.pass(1);
    t.deepEqual(identities(nodes.n2.take()), [[1, 1, 1]], `hint ${hint}`);
  }
});

test('after silence the next node is asked, under the same number, round and round', (t) => {
  const { rig, client, nodes } = withRig();
  rig.put();
  client.flush();
  rig.pass(RETRY_MS - 1);
  t.is(nodes.n1.take().length, 1);
  t.deepEqual([nodes.n2.take(), nodes.n3.take()], [[], []], 'not before it is overdue');
  rig.pass(1);
  t.deepEqual(identities(nodes.n2.take()), [[1, 1, 1]]);
  // Each time after twice as long: silence may be load.
  rig.pass(2 * RETRY_MS - 1);
  t.deepEqual([nodes.n1.take(), nodes.n2.take(), nodes.n3.take()], [[], [], []]);
  rig.pass(1);
  t.deepEqual(identities(nodes.n3.take()), [[1, 1, 1]]);
  t.is(nodes.n1.requests.length + nodes.n2.requests.length + nodes.n3.requests.length, 0);
  // The very first answer counts, wherever it comes from.
  nodes.n3.answer('n3', told(1));
  t.deepEqual(rig.outcomes(), [[1, 'ok']]);
});

test('requests that are overdue together turn to one and the same node', (t) => {
  const { rig, client, nodes } = withRig();
  rig.put(0);
  rig.put(0);
  rig.put(1);
  client.flush();
  nodes.n1.take();
  rig.pass(RETRY_MS);
  t.is(nodes.n2.take().length, 3);
  t.deepEqual([nodes.n1.take(), nodes.n3.take()], [[], []]);
});

test('at its deadline a write ends unknown and a read fails, each once', (t) => {
  const { rig, client, nodes } = withRig();
  rig.put();
  rig.get();
  client.flush();
  rig.pass(TIMEOUT_MS - 1);
  t.deepEqual(rig.ended, []);
  rig.pass(1);
  t.deepEqual(rig.outcomes(), [
    [1, 'unknown'],
    [2, 'fail'],
  ]);
  t.is(client.pendingCount, 0);
  nodes.n1.answer('n1', told(1), told(2));
  rig.pass(TIMEOUT_MS);
  t.is(rig.ended.length, 2);
});

test('a refused write is unknown at its deadline all the same', (t) => {
  const { rig, client, nodes } = withRig();
  rig.put();
  client.flush();
  nodes.n1.answer(null, told(1, 'outcomeUnknown'));
  rig.pass(TIMEOUT_MS);
  t.deepEqual(rig.outcomes(), [[1, 'unknown']]);
});

test('the lowest pending number is that of the first call that has not ended', (t) => {
  const { rig, client, nodes } = withRig();
  for (let i = 0; i < 3; i++) rig.put();
  client.flush();
  t.deepEqual(identities(nodes.n1.take()), [
    [1, 1, 1],
    [1, 2, 1],
    [1, 3, 1],
  ]);
  nodes.n1.answer('n1', told(2));
  rig.put();
  client.flush();
  t.deepEqual(identities(nodes.n1.take()), [[1, 4, 1]], 'the first still waits');
  nodes.n1.answer('n1', told(1));
  rig.put();
  client.flush();
  t.deepEqual(identities(nodes.n1.take()), [[1, 5, 3]]);
  nodes.n1.answer('n1', told(3), told(4), told(5));
  rig.put();
  client.flush();
  t.deepEqual(identities(nodes.n1.take()), [[1, 6, 6]], 'none waits but the new one');
  // A repetition says what is lowest now, not what was when it was first sent.
  rig.put();
  client.flush();
  nodes.n1.answer('n1', told(6));
  nodes.n1.take();
  rig.pass(RETRY_MS);
  t.deepEqual(identities(nodes.n2.take()), [[1, 7, 7]]);
});

test('a full frame does not wait for the end of the turn, and none is lost between frames', (t) => {
  const { rig, client, nodes } = withRig();
  for (let i = 0; i < 1000; i++) rig.put();
  const early = nodes.n1.requests.map(({ commands }) => commands.length);
  t.true(early.length > 0 && early.length < 20, `${early.length} frames`);
  client.flush();
  const numbers = nodes.n1.take().map(([, { requestNumber }]) => requestNumber);
  t.deepEqual(
    numbers,
    Array.from({ length: 1000 }, (_, i) => i + 1),
  );
});

test('whatever is answered in whatever order, each call ends once and the mark is right', (t) => {
  const event = fc.oneof(
    { weight: 3, arbitrary: fc.record({ call: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 6, arbitrary: fc.record({ answer: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ passMs: fc.integer({ min: 1, max: 400 }) }) },
  );
  always(
    t,
    fc.property(fc.array(event, { maxLength: 150, size: 'max' }), (events) => {
      const { rig, client, nodes } = withRig();
      let called = 0;
      let before = 1;
      const seen: number[] = [];
      for (const next of events) {
        if ('call' in next) {
          for (let i = 0; i < next.call; i++) rig.put();
          called += next.call;
        } else if ('answer' in next) {
          // Any number ever sent, so that some answers come twice and some too late.
          const requestNumber = seen[next.answer % Math.max(1, seen.length)];
          if (requestNumber !== undefined) {
            nodes.n2.answer(null, { ...told(requestNumber), index: requestNumber });
          }
        } else rig.pass(next.passMs);
        client.flush();
        const ended = new Set(rig.ended.map(([requestNumber]) => requestNumber));
        let lowest = 1;
        while (ended.has(lowest)) lowest++;
        for (const node of Object.values(nodes)) {
          for (const [, identity] of node.take()) {
            // Too high would lose a request. What the same sweep gives up may still be in the mark.
            if (identity.lowestPending > lowest || identity.lowestPending < before) {
              throw new Error(`${identity.lowestPending} is sent as lowest, ${lowest} is`);
            }
            if (ended.has(identity.requestNumber)) throw new Error('an ended call is repeated');
            seen.push(identity.requestNumber);
          }
        }
        before = lowest;
        for (const [requestNumber, outcome] of rig.ended) {
          if (outcome.kind !== 'ok' || outcome.result.index === requestNumber) continue;
          throw new Error(`${requestNumber} was told the result of ${outcome.result.index}`);
        }
        if (ended.size !== rig.ended.length) throw new Error('a call ended twice');
        if (client.pendingCount !== called - ended.size) throw new Error('calls are miscounted');
      }
    }),
    300,
  );
});

test('each client counts its own requests, and gets its own answers', (t) => {
  const { rig, client, nodes } = withRig();
  rig.put(0);
  rig.put(1);
  client.flush();
  nodes.n1.answer('n1', told(1, 'ok', 2));
  t.is(client.pendingCount, 1);
  nodes.n1.answer('n1', told(1, 'ok', 3));
  t.is(client.pendingCount, 1, 'an answer to a stranger is for nobody');
  nodes.n1.answer('n1', told(1, 'ok', 1));
  t.is(client.pendingCount, 0);
  t.throws(() => rig.put(2), { instanceOf: RangeError });
});

test('a damaged answer is none', (t) => {
  const { rig, client, nodes } = withRig();
  rig.put();
  client.flush();
  const data = encodeResponse({ leaderId: 'n1', results: encodeResults([told(1)]) }, crc32);
  data[9] = (data[9] ?? 0) ^ 1;
  nodes.n1.onmessage?.({ data });
  t.deepEqual(rig.ended, []);
});

test('a node that comes back has a new socket; the old one is closed', (t) => {
  const { rig, client, nodes } = withRig();
  const again = new FakeNode();
  client.connect('n1', again);
  t.true(nodes.n1.closed);
  rig.put();
  client.flush();
  t.deepEqual(identities(again.take()), [[1, 1, 1]]);
  client.close();
  t.true(again.closed && nodes.n2.closed && nodes.n3.closed);
});

test('calls made before any node is known go out when one is', (t) => {
  const ended: Outcome[] = [];
  const settings = { clients: 1, requestTimeoutMs: TIMEOUT_MS, retryMs: RETRY_MS };
  const client = new ClusterClient(
    settings,
    () => 1e9,
    () => {},
    crc32,
  );
  client.call(0, operation('put', 'k', 'v'), (outcome) => ended.push(outcome));
  client.flush();
  const node = new FakeNode();
  client.connect('n1', node);
  client.flush();
  t.deepEqual(identities(node.take()), [[1, 1, 1]]);
});

// ---- Overload -----------------------------------------------------------------------------------

test('a refusal for overload is waited out, longer each time, without turning away', (t) => {
  const { rig, client, nodes } = withRig({ requestTimeoutMs: 100 * RETRY_MS });
  rig.put();
  client.flush();
  for (const waits of [1, 2, 4, 8, 8]) {
    t.deepEqual(identities(nodes.n1.take()), [[1, 1, 1]]);
    nodes.n1.answer('n1', told(1, 'overloaded'));
    rig.pass(waits * RETRY_MS - 1);
    t.deepEqual(nodes.n1.take(), [], `not before ${waits} times the wait`);
    rig.pass(1);
  }
  t.deepEqual([nodes.n2.take(), nodes.n3.take()], [[], []]);
  nodes.n1.answer('n1', told(1));
  t.deepEqual(rig.outcomes(), [[1, 'ok']]);
});

test('silence after overload is silence: another node is asked', (t) => {
  const { rig, client, nodes } = withRig({ requestTimeoutMs: 100 * RETRY_MS });
  rig.put();
  client.flush();
  nodes.n1.answer('n1', told(1, 'overloaded'));
  rig.pass(RETRY_MS);
  nodes.n1.take();
  rig.pass(2 * RETRY_MS);
  t.deepEqual([nodes.n1.take(), identities(nodes.n2.take())], [[], [[1, 1, 1]]]);
});

// ---- Ways of reading ----------------------------------------------------------------------------

test('a get goes into the frame of its way; through the log, into that of writes', (t) => {
  const { rig, client, nodes } = withRig();
  rig.put();
  for (const read of ['log', 'linearizable', 'lease'] as const) rig.get(0, read);
  client.flush();
  t.deepEqual(
    nodes.n1.requests.map(({ kind, commands }) => [
      kind,
      commands.map(([, { requestNumber }]) => requestNumber),
    ]),
    [
      ['write', [1, 2]],
      ['linearizable read', [3]],
      ['lease read', [4]],
    ],
  );
});

test('followers serve their reads in turn, and the leader is spared', (t) => {
  for (const read of ['follower', 'stale'] as const) {
    const { rig, client, nodes } = withRig();
    const asked: string[] = [];
    for (let i = 0; i < 4; i++) {
      rig.get(0, read);
      client.flush();
      for (const [name, node] of Object.entries(nodes)) {
        if (node.requests.splice(0).some(({ kind }) => kind === `${read} read`)) asked.push(name);
      }
    }
    t.deepEqual(asked, ['n2', 'n3', 'n2', 'n3']);
    rig.put();
    client.flush();
    t.is(nodes.n1.take().length, 1, 'writes go where they went');
  }
});

test('a follower that cannot serve, or is silent, turns no writes away from the leader', (t) => {
  const { rig, client, nodes } = withRig();
  rig.get(0, 'follower');
  client.flush();
  t.is(nodes.n2.take().length, 1);
  nodes.n2.answer('n3', told(1, 'notLeader'));
  rig.pass(1);
  t.deepEqual(identities(nodes.n3.take()), [[1, 1, 1]], 'the next one');
  rig.pass(RETRY_MS * 2);
  t.is(nodes.n2.take().length, 1, 'and after silence the next');
  rig.put();
  client.flush();
  t.is(nodes.n1.take().length, 1);
});

test('a single node serves all reads', (t) => {
  const node = new FakeNode();
  const settings = { clients: 1, requestTimeoutMs: TIMEOUT_MS, retryMs: RETRY_MS };
  const client = new ClusterClient(
    settings,
    () => 1e9,
    () => {},
    crc32,
  );
  client.connect('n1', node);
  client.call(0, operation('get', 'k'), () => {}, 'follower');
  client.flush();
  t.is(node.take().length, 1);
});

// ---- Registration -------------------------------------------------------------------------------

const FIRST = FIRST_REGISTERED_CLIENT;

/** The registration numbered so is told this id. */
function registered(requestNumber: number, clientId: number): Answered {
  return {
    clientId: 0,
    requestNumber,
    status: 'ok',
    value: encodeClientId(clientId),
    index: 1,
  };
}

function kinds(commands: readonly Command[]): string[] {
  return commands.map(([{ kind }]) => kind);
}

test('a registered client waits for its id; then what was called goes out in its order', (t) => {
  const { rig, client, nodes } = withRig({ registered: true });
  t.deepEqual(nodes.n1.requests, []);
  rig.put();
  rig.get();
  rig.put();
  client.flush();
  t.deepEqual(kinds(nodes.n1.take()), ['register'], 'once for all calls');
  nodes.n1.answer('n1', registered(1, FIRST + 3));
  client.flush();
  t.deepEqual(identities(nodes.n1.take()), [
    [FIRST + 3, 1, 1],
    [FIRST + 3, 3, 1],
    [FIRST + 3, 2, 1],
  ]);
  nodes.n1.answer('n1', told(1, 'ok', FIRST + 3), told(2, 'ok', FIRST + 3));
  t.deepEqual(rig.outcomes(), [
    [1, 'ok'],
    [2, 'ok'],
  ]);
  t.deepEqual(rig.endedBy, [FIRST + 3, FIRST + 3]);
  t.is(client.pendingCount, 1);
});

test('each client registers for itself', (t) => {
  const { rig, client, nodes } = withRig({ registered: true });
  rig.put(1);
  rig.put(0);
  client.flush();
  const numbers = identities(nodes.n1.take()).map(([clientId, number]) => [clientId, number]);
  t.deepEqual(numbers, [
    [0, 1],
    [0, 2],
  ]);
  nodes.n1.answer('n1', registered(2, FIRST + 9), registered(1, FIRST + 8));
  client.flush();
  t.deepEqual(identities(nodes.n1.take()), [
    [FIRST + 9, 1, 1],
    [FIRST + 8, 1, 1],
  ]);
  nodes.n1.answer('n1', told(1, 'ok', FIRST + 8));
  t.deepEqual(rig.endedBy, [FIRST + 8]);
});

test('a registration is repeated, by hints and after silence, until it is served', (t) => {
  const { rig, client, nodes } = withRig({ registered: true, requestTimeoutMs: 100 * RETRY_MS });
  rig.put();
  client.flush();
  nodes.n1.take();
  nodes.n1.answer('n3', { ...registered(1, 0), status: 'notLeader', value: null });
  client.flush();
  t.deepEqual(kinds(nodes.n3.take()), ['register']);
  rig.pass(2 * RETRY_MS);
  t.deepEqual(kinds(nodes.n1.take()), ['register']);
  nodes.n3.answer('n3', registered(1, FIRST));
  // The second copy made a session that nobody uses.
  nodes.n1.answer('n3', registered(1, FIRST + 1));
  client.flush();
  t.deepEqual(identities([...nodes.n1.take(), ...nodes.n3.take()]), [[FIRST, 1, 1]]);
});

test('what was never sent has surely not taken effect at its deadline', (t) => {
  const { rig, client, nodes } = withRig({ registered: true });
  rig.put();
  client.flush();
  rig.pass(TIMEOUT_MS);
  t.deepEqual(rig.outcomes(), [[1, 'fail']]);
  t.deepEqual([rig.endedBy, client.pendingCount], [[0], 0]);
  nodes.n2.answer('n2', registered(1, FIRST));
  rig.put();
  client.flush();
  const sent = Object.values(nodes).flatMap((node) => node.take());
  const writes = sent.filter(([{ kind }]) => kind === 'put');
  t.deepEqual(identities(writes), [[FIRST, 2, 2]], 'the id is good for the next call');
});

test('after its session has expired a client registers anew and counts from 1', (t) => {
  const { rig, client, nodes } = withRig({ registered: true });
  const puts = (count: number): void => {
    for (let i = 0; i < count; i++) rig.put();
  };
  puts(3);
  client.flush();
  nodes.n1.answer('n1', registered(1, FIRST));
  client.flush();
  nodes.n1.take();
  nodes.n1.answer('n1', told(1, 'ok', FIRST), told(2, 'sessionExpired', FIRST));
  // It was sent, and may have been executed before its session went.
  t.deepEqual(rig.outcomes(), [
    [1, 'ok'],
    [2, 'unknown'],
  ]);
  client.flush();
  t.deepEqual(nodes.n1.take(), [], 'not before it has something to ask');
  puts(1);
  client.flush();
  t.deepEqual(kinds(nodes.n1.take()), ['register']);
  nodes.n1.answer('n1', registered(2, FIRST + 7));
  client.flush();
  t.deepEqual(identities(nodes.n1.take()), [[FIRST + 7, 1, 1]]);
  // What the old session waited for gets its own answer, of the same number or not.
  nodes.n1.answer('n1', told(3, 'ok', FIRST), told(1, 'ok', FIRST), told(1, 'ok', FIRST + 7));
  t.deepEqual(rig.outcomes().slice(2), [
    [3, 'ok'],
    [1, 'ok'],
  ]);
  t.deepEqual(rig.endedBy, [FIRST, FIRST, FIRST, FIRST + 7]);
  t.is(client.pendingCount, 0);
});

test('a read whose session has expired has surely had no effect; all of them expire once', (t) => {
  const { rig, client, nodes } = withRig({ registered: true });
  rig.get(0, 'log');
  rig.get(0, 'log');
  client.flush();
  nodes.n1.answer('n1', registered(1, FIRST));
  client.flush();
  nodes.n1.take();
  nodes.n1.answer('n1', told(1, 'sessionExpired', FIRST), told(2, 'sessionExpired', FIRST));
  t.deepEqual(rig.outcomes(), [
    [1, 'fail'],
    [2, 'fail'],
  ]);
  rig.put();
  client.flush();
  t.deepEqual(kinds(nodes.n1.take()), ['register'], 'one new session');
});
