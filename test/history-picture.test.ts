/**
 * Shows that the picture of a history holds every operation it promises, in an order and overlap
 * that are those of the history; that unknown, failed and impossible operations cannot be mistaken
 * for others; that a failed check is explained in words that follow from it; and that whatever is
 * quoted is escaped and equal input gives equal bytes.
 *
 *     npx ava test/history-picture.test.ts
 */
import test from 'ava';
import type { HistoryOperation } from '../lab/history.ts';
import { checkLinearizability } from '../lab/linearizability.ts';
import { labelWidth, layOut } from '../lab/report/history-layout.ts';
import { historyPage } from '../lab/report/history-picture.ts';
import { explain, operationText, type Unexplained } from '../lab/report/history-words.ts';
import { illFormed, occurrences, tooltips, unescaped } from './support/markup.ts';
import { sampledHistory, withStaleRead } from './support/sampled-history.ts';

const HISTORY = sampledHistory({ clients: 5, perClient: 20, outstanding: 2 });
const STALE = withStaleRead(sampledHistory({ seed: 3, clients: 5, perClient: 20 }));

function operation(overrides: Partial<HistoryOperation> = {}): HistoryOperation {
  return {
    client: 1,
    op: 'put',
    key: 'x',
    value: 'a',
    call: 1_000_000,
    return: 2_000_000,
    outcome: 'ok',
    result: { status: 'ok' },
    ...overrides,
  };
}

function get(value: string, overrides: Partial<HistoryOperation> = {}): HistoryOperation {
  const { value: _, ...rest } = operation({ op: 'get', result: { status: 'ok', value } });
  return { ...rest, ...overrides };
}

type Bar = { classes: string[]; title: string; text: string; markup: string };

function barsOf(page: string): Bar[] {
  const picture = page.slice(page.indexOf('<div class="picture"'));
  return [
    ...picture.matchAll(/<g class="(operation [^"]*)">.*?(?=<g class="operation|\n<\/g>)/gs),
  ].map(([markup, classes]) => ({
    classes: (classes ?? '').split(' '),
    title: tooltips(markup)[0] ?? '',
    text: unescaped(markup.match(/<text x="[^"]*" y="[^"]*">([^<]*)</)?.[1] ?? ''),
    markup,
  }));
}

function barOf(page: string, text: string): Bar {
  const bar = barsOf(page).find((each) => each.text.includes(text));
  if (bar === undefined) throw new Error(`no bar says ${text}`);
  return bar;
}

function proseOf(page: string): string {
  return unescaped(page.replace(/<style>[\s\S]*?<\/style>|<[^>]*>/g, ' ').replace(/\s+/g, ' '));
}

function unexplained(history: readonly HistoryOperation[]): Unexplained {
  const result = checkLinearizability(history);
  if (result.verdict === 'ok') throw new Error('this history is linearizable');
  return result;
}

test('equal histories give equal bytes, and the page needs nothing else', (t) => {
  for (const history of [HISTORY, STALE]) {
    const result = checkLinearizability(history);
    const page = historyPage(history, result, 'A run');
    t.is(historyPage(structuredClone(history), checkLinearizability(history), 'A run'), page);
    t.is(illFormed(page), null);
    t.notRegex(page, /<script|<link|<img|@import|url\((?!#)|NaN|undefined|Infinity/);
  }
});

test('operations read as what was asked and what was told', (t) => {
  const told: [HistoryOperation, string][] = [
    [operation(), 'put x "a" → ok'],
    [operation({ value: 1 }), 'put x 1 → ok'],
    [operation({ value: { b: [null], a: true } }), 'put x {"a":true,"b":[null]} → ok'],
    [get('b'), 'get x → "b"'],
    [get('b', { result: { status: 'notFound' } }), 'get x → absent'],
    [get('b', { result: {} }), 'get x → ok'],
    [operation({ op: 'delete', result: { status: 'ok', value: 'z' } }), 'delete x → ok, was "z"'],
    [operation({ op: 'delete', result: { status: 'notFound' } }), 'delete x → absent'],
    [
      operation({ op: 'create', result: { status: 'alreadyExists', value: 'z' } }),
      'create x "a" → exists, "z"',
    ],
    [operation({ op: 'cas', expected: 'e' }), 'cas x "e" to "a" → ok'],
    [operation({ op: 'cas', expected: null }), 'cas x absent to "a" → ok'],
    [
      operation({ op: 'cas', expected: 'e', result: { status: 'mismatch', value: 'z' } }),
      'cas x "e" to "a" → no match, "z"',
    ],
    [operation({ outcome: 'unknown', return: null }), 'put x "a" → ?'],
    [operation({ outcome: 'fail' }), 'put x "a" → failed'],
  ];
  for (const [each, text] of told) t.is(operationText(each), text);
  t.true(operationText(operation({ value: 'v'.repeat(900) })).length < 60);
});

test('every operation is a bar with its text, client and times', (t) => {
  const page = historyPage(HISTORY, checkLinearizability(HISTORY), 'A run');
  const bars = barsOf(page);
  t.is(bars.length, HISTORY.length);
  t.deepEqual(bars.map(({ text }) => text).sort(), HISTORY.map(operationText).sort());
  const one = barOf(historyPage([operation({ client: 7 })], null, 'One'), 'put x');
  t.is(one.title, 'put x "a" → ok\nclient 7, called 1.00 ms, answered 2.00 ms');
  t.true(bars.every(({ title, text }) => title.startsWith(`${text}\n`)));
});

test('what is unknown is open and fades, what failed is crossed out, and nothing else', (t) => {
  const page = historyPage(HISTORY, null, 'A run');
  for (const [outcome, name, part] of [
    ['unknown', 'open', 'class="tail"'],
    ['fail', 'failed', 'class="strike"'],
  ] as const) {
    const expected = HISTORY.filter((each) => each.outcome === outcome).length;
    t.true(expected > 3);
    const marked = barsOf(page).filter(({ classes }) => classes.includes(name));
    t.is(marked.length, expected, outcome);
    t.is(barsOf(page).filter(({ markup }) => markup.includes(part)).length, expected, outcome);
  }
  t.regex(page, /\.open rect\{fill:url\(#fading\)/);
  const answered = operation({ outcome: 'unknown', return: 2_000_000 });
  t.true(barOf(historyPage([answered], null, 'One'), 'put').classes.includes('open'));
});

const NUMBERS = new Map<HistoryOperation, number>();

test('order and overlap of bars are those of the operations', (t) => {
  const { bars } = layOut(HISTORY, operationText, NUMBERS);
  t.is(bars.length, HISTORY.length);
  let [before, overlapping] = [0, 0];
  for (const a of bars) {
    for (const b of bars) {
      if (a === b || a.operation.outcome === 'unknown') continue;
      if ((a.operation.return ?? 0) < b.operation.call) {
        before++;
        if (a.x2 >= b.x1) t.fail(`${a.label} does not end before ${b.label} begins`);
      } else if ((b.operation.return ?? Number.POSITIVE_INFINITY) > a.operation.call) {
        overlapping++;
        if (a.x2 < b.x1 && b.operation.call >= a.operation.call) t.fail(`${a.label}, ${b.label}`);
      }
    }
  }
  t.true(before > 1000 && overlapping > 1000);
});

test('bars have room for their labels, and bars of a lane lie apart', (t) => {
  const { bars, rows, width, height } = layOut(HISTORY, operationText, NUMBERS);
  for (const { x1, x2, label } of bars) {
    t.true(x2 - x1 >= labelWidth(label) - 0.01, label);
    t.true(x1 >= 0 && x2 <= width, label);
  }
  for (const a of bars) {
    const row = rows.find(({ client }) => client === a.operation.client);
    t.true(a.y > (row?.y ?? 0) && a.y < (row?.y ?? 0) + (row?.height ?? 0));
    for (const b of bars) {
      if (a !== b && a.y === b.y && a.x1 <= b.x1 && a.x2 >= b.x1) t.fail(`${a.label}, ${b.label}`);
    }
  }
  t.deepEqual(
    rows.map(({ client }) => client),
    [0, 1, 2, 3, 4],
  );
  t.is(height, (rows.at(-1)?.y ?? 0) + (rows.at(-1)?.height ?? 0));
});

test('a long wait is cut', (t) => {
  const far = [operation(), operation({ call: 90_000_000_000, return: 90_001_000_000 })];
  const { breaks, width } = layOut(far, operationText, NUMBERS);
  t.is(breaks.length, 1);
  t.is(breaks[0]?.skipped, 89_998_000_000);
  t.true(width < 600);
  t.deepEqual(layOut([operation()], operationText, NUMBERS).breaks, []);
});

test('an instantaneous operation and one client with equal times break nothing', (t) => {
  const same = [operation({ return: 1_000_000 }), operation(), operation({ value: 'b' })];
  const { bars } = layOut(same, operationText, new Map([[same[0] as HistoryOperation, 1]]));
  t.is(new Set(bars.map(({ y }) => y)).size, 3);
  t.is(illFormed(historyPage(same, null, 'Equal')), null);
});

test('of a long history the last operations are shown, and it says so', (t) => {
  const long = Array.from({ length: 500 }, (_, i) =>
    operation({ value: i, call: i * 1000, return: i * 1000 + 500 }),
  );
  const page = historyPage([...long].reverse(), checkLinearizability(long), 'Long');
  t.is(barsOf(page).length, 200);
  t.true(page.includes('put x 499 →') && page.includes('put x 300 →'));
  t.false(page.includes('put x 299 →'));
  t.true(proseOf(page).includes('These are the last 200 of 500 operations'));
  t.true(proseOf(historyPage(HISTORY, null, '')).includes('the whole history of 200 operations'));
});

test('a page says whether the history was judged', (t) => {
  const ok = proseOf(historyPage(HISTORY, checkLinearizability(HISTORY), 'A run'));
  t.true(ok.includes('Linearizable The 200 operations on 2 keys can be put into an order'));
  t.true(proseOf(historyPage(HISTORY, null, 'A run')).includes('Not judged'));
});

test('of a stale read it shows the key, what fits in order, and what does not in red', (t) => {
  const result = unexplained(STALE);
  const page = historyPage(STALE, result, 'Stale read');
  const bars = barsOf(page);
  t.true(bars.every(({ text }) => text.split(' ')[1] === result.key));
  t.true(STALE.some(({ key }) => key !== result.key));
  const red = bars.filter(({ classes }) => classes.includes('stuck'));
  t.deepEqual(
    red.map(({ text }) => text),
    result.stuck.map(operationText),
  );
  t.is(occurrences(page, 'id="stuck"'), 1);
  const numbered = bars.flatMap(({ title, markup, text }) => {
    const number = Number(title.match(/number (\d+) of/)?.[1] ?? 0);
    if (number === 0) return [];
    t.true(markup.includes(`>${number}</text>`), title);
    t.is(operationText(result.longest[number - 1] as HistoryOperation), text);
    return [number];
  });
  t.true(numbered.length >= 5);
  t.true(numbered.includes(result.longest.length));
  t.true(bars.length < STALE.filter(({ key }) => key === result.key).length);
  t.regex(proseOf(page), /Shown are \d+ of the \d+ operations on this key/);
});

test('a result that was stored and read back gives the same page', (t) => {
  const result = unexplained(STALE);
  const readBack = JSON.parse(JSON.stringify(result)) as Unexplained;
  t.is(historyPage(STALE, readBack, 'Stale read'), historyPage(STALE, result, 'Stale read'));
});

test('each number stands within its bar and not before the ones with smaller numbers', (t) => {
  const result = unexplained(STALE);
  const numbers = new Map(result.longest.map((each, i) => [each, i + 1]));
  const own = STALE.filter(({ key }) => key === result.key);
  const { bars } = layOut(own, operationText, numbers);
  const ordered = bars
    .filter(({ number }) => number !== null)
    .sort((a, b) => (a.number ?? 0) - (b.number ?? 0));
  t.is(ordered.length, result.longest.length);
  for (const [i, { pointX, x1, x2, label }] of ordered.entries()) {
    if (pointX === null) return t.fail(label);
    t.true(pointX >= x1 && pointX <= x2, label);
    t.true(pointX >= (ordered[i - 1]?.pointX ?? 0), label);
  }
});

test('numbers stand apart where there is room, and give way where there is little', (t) => {
  const others = [5, 7, 9].map((ms) => operation({ call: ms * 1e6, return: (ms + 1) * 1e6 }));
  const place = (first: HistoryOperation, second: HistoryOperation): number[] => {
    const numbers = new Map([
      [first, 1],
      [second, 2],
    ]);
    const { bars } = layOut([first, second, ...others], operationText, numbers);
    return [first, second].map(
      (each) => bars.find(({ operation }) => operation === each)?.pointX ?? Number.NaN,
    );
  };
  const [one, two] = place(operation({ value: 'a' }), operation({ value: 'b', client: 2 }));
  t.true((two ?? 0) - (one ?? 0) >= 8);
  // The second returns just after the first is called.
  const late = operation({ call: 1_999_999, return: 4_000_000 });
  const [tight, next] = place(late, operation({ client: 2, call: 0 }));
  t.true((next ?? 0) >= (tight ?? 0));
});

test('numbers that contradict the times get no place', (t) => {
  const [early, late] = [operation(), operation({ call: 3_000_000, return: 4_000_000 })];
  const backwards = new Map([
    [late, 1],
    [early, 2],
  ]);
  const { bars } = layOut([early, late], operationText, backwards);
  t.true(bars.some(({ pointX }) => pointX === null));
});

test('the words say what the key holds, and what each stuck operation would have answered', (t) => {
  const history = [
    operation({ value: 'a', call: 0, return: 10 }),
    operation({ value: 'b', call: 20, return: 30 }),
    get('a', { client: 3, call: 40, return: 60 }),
    operation({
      op: 'cas',
      client: 4,
      expected: 'a',
      value: 'c',
      call: 45,
      return: 55,
    }),
  ];
  const { headline, paragraph, points } = explain(unexplained(history));
  t.regex(headline, /^Not linearizable: .* key x$/);
  t.regex(paragraph, /^2 operations on key x can be put into one order/);
  t.regex(paragraph, /After them the key holds "b"\./);
  t.regex(paragraph, /one of the 2 in red, .* and neither fits\./);
  t.deepEqual(points, [
    'get x by client 3 answered "a"; now that the key holds "b" it would answer "b".',
    'cas x "a" to "c" by client 4 answered ok; now that the key holds "b" it would answer ' +
      'no match, "b".',
  ]);
});

test('the words fit few and many operations, and an unfinished search', (t) => {
  const first = unexplained([get('a', { call: 0, return: 10 })]);
  const none = explain(first);
  t.regex(none.paragraph, /^No operation on key x can come first: .* the key is absent\./);
  t.regex(none.paragraph, /the one in red, .* it does not fit\. Every other order/);
  const many = Array.from({ length: 9 }, (_, i) => get(`v${i}`, { client: i, call: 0 }));
  const stuck = explain(unexplained(many));
  t.is(stuck.points.length, 7);
  t.is(stuck.points.at(-1), 'And 3 operations more.');
  const unfinished = explain({ ...first, verdict: 'unknown' });
  t.regex(unfinished.headline, /^Not decided/);
  t.regex(unfinished.paragraph, /search was given up/);
  const fitting = explain({ ...first, stuck: [operation()] });
  t.regex(fitting.points[0] ?? '', /answered ok, which fits but leads no further/);
});

test('the origin of a stale value is shown, however long ago it was written', (t) => {
  const writes = Array.from({ length: 60 }, (_, i) =>
    operation({ value: `v${i}`, call: i * 100, return: i * 100 + 50 }),
  );
  const stale = get('v3', { client: 2, call: 7000, return: 7100 });
  const open = operation({ value: 'lost', client: 3, call: 120, return: null, outcome: 'unknown' });
  const history = [...writes, open, stale];
  const page = historyPage(history, unexplained(history), 'Old value');
  t.true(barOf(page, 'put x "v3"').title.includes('number 4 of'));
  t.true(barOf(page, 'put x "lost"').classes.includes('open'));
  t.true(barOf(page, 'get x').classes.includes('stuck'));
  t.true(barsOf(page).length < 20);
});

test('a history without operations, or a result without a stretch, breaks nothing', (t) => {
  for (const result of [null, checkLinearizability([])]) {
    const page = historyPage([], result, 'Empty');
    t.is(illFormed(page), null);
    t.true(proseOf(page).includes('No operations'));
  }
  const window = { fromNs: Number.POSITIVE_INFINITY, toNs: Number.NEGATIVE_INFINITY };
  const history = [operation()];
  const unknown = { verdict: 'unknown', key: 'x', longest: [], stuck: [], window } as const;
  const page = historyPage(history, unknown, 'Given up');
  t.is(barsOf(page).length, 1);
  t.notRegex(page, /NaN|undefined|Infinity/);
});

test('whatever it quotes is escaped', (t) => {
  const evil = `</svg><script>alert("1" & '2')</script>`;
  const history = [
    operation({ key: evil, value: evil, call: 0, return: 10 }),
    get('x', { key: evil, call: 20, return: 30, result: { status: 'ok', value: `${evil}2` } }),
  ];
  for (const result of [null, unexplained(history)]) {
    const page = historyPage(history, result, evil);
    t.is(illFormed(page), null);
    t.notRegex(page, /<script/);
    t.true(occurrences(page, '&lt;script&gt;') >= 2);
  }
});
