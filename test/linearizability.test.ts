/**
 * Shows that the checker tells linearizable histories from others: on histories drawn in
 * `test/histories/`, one trap each, and on thousands of random ones against a checker so dumb that
 * it tries every order, with a store of its own. Also what it tells of a history that is wrong, and
 * that its budget ends a search that is too long.
 *
 *     npx ava test/linearizability.test.ts
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import type { HistoryOperation, HistoryResult, Json } from '../lab/history.ts';
import { checkLinearizability, type Linearizability } from '../lab/linearizability.ts';
import { canonicalText } from '../src/canonical-json.ts';
import { OPERATION_KINDS } from '../src/command.ts';
import { parseDrawing } from './support/history-text.ts';
import { always, replay, SEED } from './support/property.ts';

// ---- Drawn histories ----------------------------------------------------------------------------

const drawings = join(import.meta.dirname, 'histories');

for (const file of readdirSync(drawings).sort()) {
  const { title, expected, history } = parseDrawing(readFileSync(join(drawings, file), 'utf8'));
  test(`${expected}: ${title}`, (t) => {
    t.is(checkLinearizability(history).verdict, expected, file);
    t.is(checkLinearizability([...history].reverse()).verdict, expected, 'in any order');
  });
}

test('a drawing that is not understood is no history', (t) => {
  const head = '# title\n# expected: ok\n';
  t.throws(() => parseDrawing('# title\nC0: |--get x--|'), { message: /what is expected/ });
  t.throws(() => parseDrawing(`${head}C0: |--got x--|`), { message: /no operation: got x/ });
  t.throws(() => parseDrawing(`${head}C0: |--put x--|`), { message: /no operation: put x/ });
  t.throws(() => parseDrawing(`${head}C0: |--get x--`), { message: /not understood/ });
  t.throws(() => parseDrawing(`${head}C0: |--get x -> 1--?`), { message: /not ok/ });
  t.throws(() => parseDrawing(`${head}0: |--get x--|`), { message: /no lane/ });
});

// ---- Against a checker that tries everything ----------------------------------------------------

type Executed = { readonly after: Json; readonly answer: HistoryResult };

/** A store of one key, with no line in common with `lab/model.ts`. */
function execute(held: Json, { op, value = null, expected = null }: HistoryOperation): Executed {
  const present = held !== null;
  if (op === 'get') {
    return { after: held, answer: { status: present ? 'ok' : 'notFound', value: held } };
  }
  if (op === 'put') return { after: value, answer: { status: 'ok' } };
  if (op === 'delete') {
    return { after: null, answer: { status: present ? 'ok' : 'notFound', value: held } };
  }
  if (op === 'create') {
    if (present) return { after: held, answer: { status: 'alreadyExists', value: held } };
    return { after: value, answer: { status: 'ok' } };
  }
  if (op === 'update') {
    if (!present) return { after: null, answer: { status: 'notFound', value: null } };
    return { after: value, answer: { status: 'ok', value: held } };
  }
  if (isDeepStrictEqual(held, expected)) return { after: value, answer: { status: 'ok' } };
  return { after: held, answer: { status: 'mismatch', value: held } };
}

function agrees(told: HistoryResult | undefined, { answer }: Executed): boolean {
  if (told?.status !== undefined && told.status !== answer.status) return false;
  if (told?.value === undefined || answer.value === undefined) return true;
  return isDeepStrictEqual(told.value, answer.value);
}

/** The most completed operations of one key that some legal order begins with. */
function mostPlaced(history: readonly HistoryOperation[]): number {
  const most = (held: Json, left: readonly HistoryOperation[]): number => {
    let best = 0;
    for (const next of left) {
      const overdue = left.some(
        (other) => other.outcome === 'ok' && other.return !== null && other.return < next.call,
      );
      if (overdue) continue;
      const executed = execute(held, next);
      const completed = next.outcome === 'ok';
      if (completed && !agrees(next.result, executed)) continue;
      const rest = left.filter((other) => other !== next);
      best = Math.max(best, (completed ? 1 : 0) + most(executed.after, rest));
    }
    return best;
  };
  return most(
    null,
    history.filter(({ outcome }) => outcome !== 'fail'),
  );
}

function completedOf(history: readonly HistoryOperation[]): HistoryOperation[] {
  return history.filter(({ outcome }) => outcome === 'ok');
}

const values = fc.constantFrom<Json>(1, 1, 2, 2, 3, null);

/** An operation, the share of its time after which it is executed, and what its answer tells. */
const plan = fc.record({
  op: fc.constantFrom(...OPERATION_KINDS),
  value: values,
  expected: values,
  call: fc.nat(20),
  length: fc.nat(12),
  moment: fc.nat(100),
  fate: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'ok', 'fail', 'unknown', 'unknownDone'),
  told: fc.constantFrom('all', 'all', 'all', 'status', 'value', 'nothing'),
});
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

/** Changes what one operation was told: most such histories are wrong, but not all. */
const lie = fc.option(fc.record({ at: fc.nat(6), value: values }), { nil: null, freq: 3 });

const planned = fc.tuple(fc.array(plan, { minLength: 1, maxLength: 7 }), lie);

/** What a store would have answered, and one lie. */
function historyOf([plans, lied]: [readonly Plan[], { at: number; value: Json } | null]) {
  const timed = plans.map((each, client) => {
    const late = each.fate === 'unknownDone' ? 20 : 0;
    const moment = each.call + ((each.length + late) * each.moment) / 100;
    return { each, client, moment };
  });
  const history = new Array<HistoryOperation>(plans.length);
  let held: Json = null;
  for (const { each, client } of timed.sort((a, b) => a.moment - b.moment)) {
    const { op, call, fate, told } = each;
    const operation = {
      client,
      op,
      key: 'x',
      ...(op === 'get' || op === 'delete' ? {} : { value: each.value }),
      ...(op === 'cas' ? { expected: each.expected } : {}),
      call,
    };
    if (fate !== 'ok') {
      const outcome = fate === 'fail' ? 'fail' : 'unknown';
      history[client] = { ...operation, return: call + each.length, outcome };
      if (fate === 'unknownDone') held = execute(held, history[client]).after;
      continue;
    }
    const asked: HistoryOperation = { ...operation, return: call + each.length, outcome: 'ok' };
    const { after, answer } = execute(held, asked);
    held = after;
    const { status, value } = answer;
    const result = {
      ...(status === undefined || told === 'value' || told === 'nothing' ? {} : { status }),
      ...(value === undefined || told === 'status' || told === 'nothing' ? {} : { value }),
    };
    const isLie = lied !== null && lied.at % plans.length === client && result.value !== undefined;
    history[client] = { ...asked, result: isLie ? { ...result, value: lied.value } : result };
  }
  return history;
}

/** A partial linearization is an order that the store may have gone through. */
function isLegalOrder(order: readonly HistoryOperation[]): boolean {
  let held: Json = null;
  return order.every((operation, i) => {
    const executed = execute(held, operation);
    held = executed.after;
    const inTime = order
      .slice(i + 1)
      .every((later) => later.outcome !== 'ok' || (later.return ?? 0) >= operation.call);
    return inTime && (operation.outcome !== 'ok' || agrees(operation.result, executed));
  });
}

test('judges random histories as a checker does that tries every order', (t) => {
  const seen = { ok: 0, illegal: 0 };
  const agreesWithDumb = (history: readonly HistoryOperation[]): boolean => {
    const most = mostPlaced(history);
    const completed = completedOf(history);
    const result = checkLinearizability(history);
    if (result.verdict === 'ok') {
      seen.ok++;
      return most === completed.length;
    }
    seen.illegal++;
    const { longest, stuck } = result;
    return (
      result.verdict === 'illegal' &&
      most < completed.length &&
      completedOf(longest).length === most &&
      isLegalOrder(longest) &&
      longest.at(-1)?.outcome !== 'unknown' &&
      stuck.length > 0 &&
      stuck.every((each) => !longest.includes(each) && !isLegalOrder([...longest, each]))
    );
  };
  const runs = 6000;
  always(t, fc.property(planned.map(historyOf), agreesWithDumb), runs);
  const judged = seen.ok + seen.illegal;
  t.true(seen.ok > 0.1 * judged && seen.illegal > 0.1 * judged, JSON.stringify(seen));
});

test('judges histories of many open writes as that checker does', (t) => {
  const open = plan.map((each) => ({ ...each, fate: 'unknownDone' as const }));
  const read = plan.map((each) => ({ ...each, fate: 'ok' as const, told: 'all' as const }));
  const histories = fc
    .tuple(
      fc.array(open, { minLength: 2, maxLength: 4 }),
      fc.array(read, { minLength: 1, maxLength: 3 }),
      lie,
    )
    .map(([writes, reads, lied]) => historyOf([[...reads, ...writes], lied]));
  const seen = { ok: 0, illegal: 0, unknown: 0 };
  const property = fc.property(histories, (history) => {
    const { verdict } = checkLinearizability(history);
    seen[verdict]++;
    const legal = mostPlaced(history) === completedOf(history).length;
    return verdict === (legal ? 'ok' : 'illegal');
  });
  always(t, property, 4000);
  t.true(seen.ok > 400 && seen.illegal > 400, JSON.stringify(seen));
});

// ---- What it tells ------------------------------------------------------------------------------

function drawn(...lanes: readonly string[]): readonly HistoryOperation[] {
  return parseDrawing(`# drawn\n# expected: ok\n${lanes.join('\n')}`).history;
}

test('counts operations and keys, those included that say nothing', (t) => {
  const history = drawn('C0: |--put x 1--x |--get y--? |--get z -> null--|');
  t.deepEqual(checkLinearizability(history), { verdict: 'ok', operations: 3, keys: 3 });
  t.deepEqual(checkLinearizability([]), { verdict: 'ok', operations: 0, keys: 0 });
});

test('tells how far an order goes, and what does not fit behind it', (t) => {
  const history = drawn(
    'C0: |--put x 1 -> ok--| |--put x 2 -> ok--|',
    'C1:                                         |--get x -> 1--| |--put x 3 -> ok--|',
    'C2:                                           |--get x -> 2--|',
  );
  const [put1, put2, stale, , fresh] = history;
  t.deepEqual(checkLinearizability(history), {
    verdict: 'illegal',
    key: 'x',
    longest: [put1, put2, fresh] as HistoryOperation[],
    stuck: [stale] as HistoryOperation[],
    window: { fromNs: stale?.call ?? 0, toNs: stale?.return ?? 0 },
  });
});

test('an open operation that an order needs stands in it', (t) => {
  const history = drawn(
    'C0: |--put x 1--?',
    'C1:                |--get x -> null--| |--get x -> 1--| |--get x -> 2--|',
  );
  const [put, absent, found, wrong] = history;
  const result = checkLinearizability(history);
  t.like(result, { verdict: 'illegal', longest: [absent, put, found], stuck: [wrong] });
});

test('of several keys tells of the one that needs the fewest operations', (t) => {
  const history = drawn(
    'C0: |--put x 1 -> ok--| |--get x -> 1--| |--get x -> null--|',
    'C1: |--put y 1 -> ok--| |--get y -> null--|',
    'C2: |--put z 1 -> ok--| |--get z -> 1--|',
  );
  t.like(checkLinearizability(history), { verdict: 'illegal', key: 'y' });
});

test('a completed operation without a return, or with one before its call, is an error', (t) => {
  const [put] = drawn('C0: |--put x 1 -> ok--|') as [HistoryOperation];
  t.throws(() => checkLinearizability([{ ...put, return: null }]), { instanceOf: RangeError });
  t.throws(() => checkLinearizability([{ ...put, return: 0 }]), { instanceOf: RangeError });
});

test('the return of an operation of unknown outcome is not looked at', (t) => {
  const history = drawn('C0: |--put x 1--?', 'C1:                  |--get x -> 1--|');
  const [put, get] = history as [HistoryOperation, HistoryOperation];
  for (const returned of [null, put.call, put.call + 1]) {
    t.is(checkLinearizability([{ ...put, return: returned }, get]).verdict, 'ok');
  }
});

// ---- Budget and size ----------------------------------------------------------------------------

/** Puts of values that are all read later, all at once: nothing says in which order. */
function tangle(size: number): HistoryOperation[] {
  const puts = Array.from({ length: size }, (_, i): HistoryOperation => {
    const value = i % 5;
    return { client: i, op: 'put', key: 'x', value, call: 0, return: 100, outcome: 'ok' };
  });
  const gets = Array.from({ length: size }, (_, i): HistoryOperation => {
    const result = { value: (i * i) % 5 };
    return { client: i, op: 'get', key: 'x', call: 101 + i, return: 300, outcome: 'ok', result };
  });
  return [...puts, ...gets];
}

test('a search over its budget says so, unless another key is surely wrong', (t) => {
  const history = tangle(10);
  t.is(checkLinearizability(history).verdict, 'illegal', 'the last put decides all reads');
  const given: Linearizability = checkLinearizability(history, { steps: 10 });
  t.like(given, { verdict: 'unknown', key: 'x' });
  t.true(given.verdict === 'unknown' && given.stuck.length > 0);
  const puts = tangle(20).map((each, i) => ({
    ...each,
    key: 'a',
    call: 1000 + i,
    return: 1000 + i,
  }));
  const wrong = { ...(puts.at(-1) as HistoryOperation), result: { value: 'never written' } };
  t.like(checkLinearizability([...history, ...puts.slice(0, 20), wrong], { steps: 200 }), {
    verdict: 'illegal',
    key: 'a',
  });
  t.is(checkLinearizability(history, { steps: 200 }).verdict, 'unknown');
});

/** So many clients, each waiting for its answer, on a store that answers as it should. */
function closedLoop(
  operations: number,
  keys: number,
  clients: number,
  unknownShare: number,
): HistoryOperation[] {
  const draw = drawsOf(SEED);
  const free = new Array<number>(clients).fill(0);
  const asked: { operation: HistoryOperation; moment: number }[] = [];
  for (let i = 0; i < operations; i++) {
    const client = i % clients;
    const call = (free[client] as number) + draw(1000);
    const returned = call + 1 + draw(100_000);
    const unknown = draw(1e6) < unknownShare * 1e6;
    free[client] = unknown ? returned + 500_000 : returned;
    const op = (['get', 'get', 'get', ...OPERATION_KINDS] as const)[draw(9)] as 'get';
    const key = `k${draw(keys)}`;
    const value = op === 'get' || op === 'delete' ? {} : { value: i };
    const operation: HistoryOperation = {
      ...{ client, op, key, ...value, call, return: returned },
      outcome: unknown ? 'unknown' : 'ok',
    };
    // Half of the unknown ones are never executed, the others late.
    const never = unknown && draw(2) === 0;
    const within = unknown ? 1_000_000 : returned - call;
    asked.push({ operation, moment: never ? Number.POSITIVE_INFINITY : call + draw(within) });
  }
  const held = new Map<string, Json>();
  const history: HistoryOperation[] = [];
  for (const { operation, moment } of asked.sort((a, b) => a.moment - b.moment)) {
    const before = held.get(operation.key) ?? null;
    const guess = draw(5) > 1 ? before : -1;
    const whole =
      operation.op === ('cas' as string) ? { ...operation, expected: guess } : operation;
    if (moment === Number.POSITIVE_INFINITY) {
      history.push(whole);
      continue;
    }
    const { after, answer } = execute(before, whole);
    held.set(operation.key, after);
    history.push(whole.outcome === 'ok' ? { ...whole, result: answer } : whole);
  }
  return history.sort((a, b) => a.call - b.call);
}

/** Whole numbers from 0 to below `bound`; any sequence will do that is always the same. */
function drawsOf(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * bound);
  };
}

for (const [keys, clients] of [
  [100, 20],
  [5, 20],
] as const) {
  test(`judges 100,000 operations of ${clients} clients on ${keys} keys`, (t) => {
    const history = closedLoop(100_000, keys, clients, 0.03);
    t.deepEqual(checkLinearizability(history), { verdict: 'ok', operations: 100_000, keys });
    const at = history.findIndex(
      ({ op, outcome }, i) => i > 90_000 && op === 'get' && outcome === 'ok',
    );
    const wrong = history.with(at, {
      ...(history[at] as HistoryOperation),
      result: { status: 'ok', value: 'never written' },
    });
    t.like(checkLinearizability(wrong), { verdict: 'illegal', key: history[at]?.key });
  });
}

test('long histories on one key need no long stack', (t) => {
  const history = Array.from({ length: 50_000 }, (_, i): HistoryOperation => {
    const [op, more] = i % 2 === 0 ? (['put', { value: i }] as const) : (['get', {}] as const);
    const result = i % 2 === 0 ? {} : { value: i - 1 };
    return { client: 0, op, key: 'x', ...more, call: i, return: i, outcome: 'ok', result };
  }).map((operation) => ({ ...operation, call: operation.call * 2, return: operation.call * 2 }));
  t.is(checkLinearizability(history).verdict, 'ok');
});

// ---- Values -------------------------------------------------------------------------------------

test('values have one text just when they are deeply equal', (t) => {
  const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;
  const property = fc.property(json, json, (a, b) => {
    const shuffled = reversedKeys(a);
    const equal = isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
    return (
      canonicalText(a) === canonicalText(shuffled) &&
      (canonicalText(a) === canonicalText(b)) === equal &&
      isDeepStrictEqual(JSON.parse(canonicalText(a)), JSON.parse(JSON.stringify(a)))
    );
  });
  always(t, property, 1000);
  t.is(
    canonicalText({ b: [1, null, { d: 'x', c: true }], a: -0 }),
    '{"a":0,"b":[1,null,{"c":true,"d":"x"}]}',
  );
  t.not(canonicalText(1), canonicalText('1'), replay(t));
  let deep: Json = 1;
  for (let i = 0; i < 100_000; i++) deep = [deep];
  t.is(canonicalText(deep).length, 200_001);
});

function reversedKeys(json: Json): Json {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(reversedKeys);
  const entries = Object.entries(json).reverse();
  return Object.fromEntries(entries.map(([key, value]) => [key, reversedKeys(value)]));
}
