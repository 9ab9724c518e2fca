/**
 * Shows that a space-time diagram holds every message, role, commit and fault of its window, each
 * where it belongs; that it chooses a window that can be read, cuts idle time and keeps dense time
 * apart; and that it escapes what it quotes and comes out byte for byte the same.
 *
 *     npx ava test/space-time.test.ts
 */
import test from 'ava';
import { spaceTimeSvg } from '../lab/report/space-time.ts';
import { timeAxis } from '../lab/report/time-axis.ts';
import type { Trace, TracedMessage } from '../lab/trace.ts';
import type { Violation } from '../lab/verdict.ts';
import { illFormed, occurrences, tooltips, unescaped } from './support/markup.ts';
import { at, simulate } from './support/sim-runs.ts';
import { tracedRun } from './support/traced-run.ts';

const RUN = tracedRun({ nodes: 5, durationMs: 1500, seed: 1 });

const EMPTY: Trace = {
  nodes: ['n1', 'n2', 'n3'],
  lines: [],
  messages: [],
  roles: [],
  commits: [],
  faults: [],
  recoveryUs: null,
  endUs: 10_000,
};

function message(overrides: Partial<TracedMessage> = {}): TracedMessage {
  return {
    from: 'n1',
    to: 'n2',
    text: 'n1->n2 RequestVote term=1 last=0/0',
    kind: 'RequestVote',
    term: 1,
    sentUs: 1000,
    arrivedUs: 2000,
    fate: 'delivered',
    ...overrides,
  };
}

function withMessages(messages: readonly TracedMessage[], endUs = 10_000): Trace {
  return { ...EMPTY, messages, endUs };
}

type Arrow = { title: string; markup: string; x1: number; y1: number; x2: number; y2: number };

/** The messages of a picture, with where they begin and end. */
function arrowsOf(svg: string): Arrow[] {
  return [...svg.matchAll(/<g class="message">.*?<\/g>/gs)].map(([markup]) => {
    const [x1, y1, x2, y2] = [...(markup.match(/class="touch" d="M(.*?),(.*?)L(.*?),(.*?)"/) ?? [])]
      .slice(1)
      .map(Number) as [number, number, number, number];
    return { title: tooltips(markup)[0] ?? '', markup, x1, y1, x2, y2 };
  });
}

function arrowOf(svg: string, part: string): Arrow {
  const arrow = arrowsOf(svg).find(({ title }) => title.includes(part));
  if (arrow === undefined) throw new Error(`no arrow says ${part}`);
  return arrow;
}

/** Where the columns of the nodes stand, by the names at their heads. */
function columnsOf(svg: string): Map<string, number> {
  const names = svg.matchAll(/<text x="([\d.]+)"[^>]*font-size="14"[^>]*>([^<]*)</g);
  return new Map([...names].map((match) => [unescaped(match[2] ?? ''), Number(match[1])]));
}

function heightOf(svg: string): number {
  return Number(svg.match(/height="(\d+)"/)?.[1]);
}

test('equal runs give equal bytes, and the markup is well formed', (t) => {
  const svg = spaceTimeSvg(RUN);
  t.is(spaceTimeSvg(structuredClone(RUN)), svg);
  t.is(illFormed(svg), null);
  t.true(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"'));
  t.notRegex(svg, /NaN|undefined|Infinity|<script|href/);
});

test('every message is there once, with its text and its times', (t) => {
  const svg = spaceTimeSvg(RUN, { fromUs: 0, toUs: RUN.endUs });
  t.true(RUN.messages.length > 300);
  const expected = RUN.messages.map((each) => each.text).sort();
  t.deepEqual(
    arrowsOf(svg)
      .map(({ title }) => title.split('\n')[0] ?? '')
      .sort(),
    expected,
  );
  const one = RUN.messages.find((each) => each.fate === 'delivered');
  const when = `sent ${((one?.sentUs ?? 0) / 1000).toFixed(2)} ms, arrived ${(
    (one?.arrivedUs ?? 0) / 1000
  ).toFixed(2)} ms`;
  t.true(arrowOf(svg, one?.text ?? '').title.includes(when));
});

test('an arrow leads from the column of its sender to that of its receiver, and down', (t) => {
  const svg = spaceTimeSvg(RUN, { fromUs: 0, toUs: RUN.endUs });
  const columns = columnsOf(svg);
  for (const arrow of arrowsOf(svg)) {
    const [, from, to] = arrow.title.match(/^(n\d)->(n\d)/) ?? [];
    const [fromX, toX] = [columns.get(from ?? '') ?? 0, columns.get(to ?? '') ?? 0];
    t.true(Math.abs(arrow.x1 - fromX) < 6, arrow.title);
    t.true(arrow.y2 > arrow.y1, arrow.title);
    if (arrow.title.includes('arrived')) t.true(Math.abs(arrow.x2 - toX) < 6, arrow.title);
    else t.true(Math.abs(arrow.x2 - fromX) < 0.4 * Math.abs(toX - fromX), arrow.title);
  }
});

test('what is later stands lower', (t) => {
  const arrows = arrowsOf(spaceTimeSvg(RUN, { fromUs: 0, toUs: RUN.endUs }));
  const ends = RUN.messages.flatMap((each) => {
    const arrow = arrows.find(({ title }) => title.startsWith(`${each.text}\n`));
    return arrow === undefined ? [] : [{ us: each.sentUs, y: arrow.y1 }];
  });
  // Texts repeat where messages do, so only those that are the only one of their text are judged.
  const texts = RUN.messages.map((each) => each.text);
  const single = ends.filter(
    (_, i) => texts.indexOf(texts[i] ?? '') === texts.lastIndexOf(texts[i] ?? ''),
  );
  t.true(single.length > 50);
  const sorted = [...single].sort((a, b) => a.us - b.us);
  t.true(sorted.every(({ y }, i) => i === 0 || y >= (sorted[i - 1]?.y ?? 0)));
});

test('what never arrived ends early in a cross and says why; what is under way has none', (t) => {
  const fates = ['lost', 'cut', 'overflowed', 'damaged', 'down'] as const;
  const lost = fates.map((fate) => message({ text: `to be ${fate}`, arrivedUs: null, fate }));
  const messages = [
    message({ text: 'all well' }),
    message({ text: 'late', arrivedUs: null, fate: 'under way' }),
    ...lost,
  ];
  const svg = spaceTimeSvg(withMessages(messages));
  for (const fate of fates) {
    const arrow = arrowOf(svg, `to be ${fate}`);
    t.true(arrow.title.endsWith(`, ${fate}`));
    t.true(arrow.markup.includes('class="cross"'), fate);
  }
  t.false(arrowOf(svg, 'all well').markup.includes('cross'));
  const underWay = arrowOf(svg, 'late');
  t.false(underWay.markup.includes('cross'));
  t.true(underWay.title.endsWith(', under way'));
  t.regex(underWay.markup, /stroke-dasharray/);
});

test('a message that was damaged or met nobody ends in a cross where it came to', (t) => {
  const svg = spaceTimeSvg(withMessages([message({ fate: 'down' })]));
  const arrow = arrowOf(svg, 'RequestVote');
  t.true(arrow.markup.includes('class="cross"'));
  t.true(Math.abs(arrow.x2 - (columnsOf(svg).get('n2') ?? 0)) < 6);
});

test('messages are told apart by colour, and heartbeats that changed nothing are faint', (t) => {
  const heartbeat = 'n1->n2 AppendEntries term=1 prev=1/1 commit=1';
  const kinds = [
    ['RequestVote', 'vote'],
    ['PreVote', 'pre-vote'],
    ['AppendEntries', 'n1->n2 AppendEntries term=1 prev=1/1 entries=[2/1 put] commit=1'],
    ['AppendEntries', `${heartbeat} round=1`],
    ['AppendEntries', `${heartbeat} round=2`],
    ['AppendEntriesResponse', 'answer'],
    ['InstallSnapshot', 'chunk'],
    ['TimeoutNow', 'go on'],
    ['ReadIndex', 'read'],
  ] as const;
  const messages = kinds.map(([kind, text], i) =>
    message({ kind, text, sentUs: 1000 * i, arrivedUs: 1000 * i + 500 }),
  );
  const trace = {
    ...withMessages(messages),
    commits: [{ node: 'n2', atUs: 4500, index: 1 }],
  };
  const svg = spaceTimeSvg(trace);
  const groups = [...svg.matchAll(/<g (stroke="[^>]*)><g class="message">.*?<title>([^<]*)\n/g)];
  const styles = new Map(groups.map((match) => [unescaped(match[2] ?? ''), match[1] ?? '']));
  t.is(new Set(styles.values()).size, kinds.length);
  t.regex(styles.get(`${heartbeat} round=1`) ?? '', /opacity="0\.\d+"/);
  t.notRegex(styles.get(`${heartbeat} round=2`) ?? '', /opacity/);
});

test('a kind of message it does not know is drawn too, and explained', (t) => {
  const svg = spaceTimeSvg(withMessages([message({ kind: 'Gossip', text: 'have you heard' })]));
  t.is(arrowsOf(svg).length, 1);
  t.true(svg.includes('>other message</text>'));
  t.false(spaceTimeSvg(RUN).includes('>other message</text>'));
});

test('kinds of message that most runs have none of are explained where they come', (t) => {
  const rare = [
    ['InstallSnapshot', 'part of a snapshot'],
    ['TimeoutNow', 'hand-over'],
    ['ReadIndex', 'read of a follower'],
  ] as const;
  for (const [kind, label] of rare) {
    const svg = spaceTimeSvg(withMessages([message({ kind, text: 'a message' })]));
    t.deepEqual(
      rare.map(([, other]) => svg.includes(`>${other}</text>`)),
      rare.map(([, other]) => other === label),
    );
  }
});

test('a spare has a column from the beginning, and what an operator does is noted', (t) => {
  const { trace } = simulate({ spares: 1, faults: [at(1000, { kind: 'join', node: 'n4' })] });
  const svg = spaceTimeSvg(trace, { fromUs: 990_000, toUs: 1_020_000 });
  t.true(svg.includes('>n4</text>'));
  t.true(svg.includes('>join n4</text>'));
});

test('answers to heartbeats that changed nothing are as faint, others are not', (t) => {
  const ask = { from: 'n1', to: 'n2', kind: 'AppendEntries' };
  const answer = { from: 'n2', to: 'n1', kind: 'AppendEntriesResponse' };
  const svg = spaceTimeSvg(
    withMessages([
      message({ ...ask, text: 'a heartbeat', sentUs: 0, arrivedUs: 100 }),
      message({ ...answer, text: 'to a heartbeat', sentUs: 100, arrivedUs: 200 }),
      message({ ...ask, text: 'with entries=[1/1]', sentUs: 300, arrivedUs: 400 }),
      message({ ...answer, text: 'to entries', sentUs: 400, arrivedUs: 500 }),
    ]),
  );
  const opacityOf = (text: string): number => {
    const before = svg.slice(0, svg.indexOf(`<title>${text}\n`));
    const group = before.slice(before.lastIndexOf('<g stroke='));
    return Number(group.match(/^<g [^>]*? opacity="([\d.]+)"/)?.[1] ?? 1);
  };
  t.true(opacityOf('to a heartbeat') < opacityOf('to entries'));
});

test('the columns show roles and terms, and a gap where a node is down', (t) => {
  const roles = [
    { node: 'n1', atUs: 0, role: 'follower', term: 1 },
    { node: 'n1', atUs: 2000, role: 'candidate', term: 2 },
    { node: 'n1', atUs: 4000, role: 'leader', term: 2 },
    { node: 'n1', atUs: 6000, role: 'down', term: 2 },
    { node: 'n1', atUs: 8000, role: 'follower', term: 2 },
  ] as const;
  const svg = spaceTimeSvg({ ...EMPTY, roles });
  const told = tooltips(svg).filter((each) => each.startsWith('n1: '));
  t.deepEqual(told, [
    'n1: follower, term 1, from 0.00 ms',
    'n1: candidate, term 2, from 2.00 ms',
    'n1: leader, term 2, from 4.00 ms',
    'n1: down, term 2, from 6.00 ms',
    'n1: follower, term 2, from 8.00 ms',
  ]);
  const lines = [...svg.matchAll(/<\/title><path d="M([\d.]+),([\d.]+)V([\d.]+)" ([^/]*)\//g)];
  t.is(new Set(lines.map((match) => match[1])).size, 1);
  // Each begins where the one before it ends.
  t.true(lines.every((match, i) => i === 0 || match[2] === lines[i - 1]?.[3]));
  t.deepEqual(
    lines.map((match) => (match[4] ?? '').includes('dasharray')),
    [false, false, false, true, false],
  );
  const colors = lines.map((match) => match[4]?.match(/stroke="(#\w+)"/)?.[1]);
  t.is(new Set(colors).size, 4);
  t.is(colors[0], colors[4]);
  for (const label of ['term 1', 'term 2', 'leader', 'down', 'follower']) {
    t.true(svg.includes(`>${label}</text>`), label);
  }
});

test('commits are ticks with their index', (t) => {
  const commits = [
    { node: 'n1', atUs: 1000, index: 41 },
    { node: 'n2', atUs: 3000, index: 41 },
    { node: 'n1', atUs: 5000, index: 42 },
  ];
  const svg = spaceTimeSvg({ ...EMPTY, commits });
  t.is(occurrences(svg, '<g class="commit">'), 3);
  t.true(tooltips(svg).includes('n1 knows that 42 is committed, 5.00 ms'));
  t.is(occurrences(svg, '>41</text>'), 2);
  t.is(occurrences(svg, '>42</text>'), 1);
});

test('of commits too close for their numbers, the last has one', (t) => {
  const commits = Array.from({ length: 20 }, (_, i) => ({
    node: 'n1',
    atUs: 1000 + i,
    index: 100 + i,
  }));
  const svg = spaceTimeSvg({ ...EMPTY, commits });
  t.is(occurrences(svg, '<g class="commit">'), 20);
  const lastTick = Number([...svg.matchAll(/M[\d.]+,([\d.]+)h12"/g)].at(-1)?.[1]);
  const lastNumber = Number(svg.match(/y="([\d.]+)"[^>]*>119<\/text>/)?.[1]);
  t.true(Math.abs(lastNumber - 4 - lastTick) < 1);
  t.true(commits.filter(({ index }) => svg.includes(`>${index}</text>`)).length < 15);
});

test('faults are bands beside the columns they strike, named in the margin', (t) => {
  const faults = [
    { text: 'crash n1', nodes: ['n1'], fromUs: 1000, untilUs: 5000 },
    { text: 'partition {n1} | {n2, n3}', nodes: ['n1', 'n2', 'n3'], fromUs: 2000, untilUs: null },
    { text: 'heal all', nodes: [], fromUs: 7000, untilUs: 7000 },
  ];
  const svg = spaceTimeSvg({ ...EMPTY, faults, recoveryUs: 8000 });
  t.is(occurrences(svg, '<g class="fault">'), 4);
  const told = tooltips(svg);
  t.is(told.filter((each) => each.startsWith('partition')).length, 3);
  t.true(told.includes('crash n1, 1.00 to 5.00 ms'));
  const notes = [...svg.matchAll(/<g class="note">(.*?)<\/g>/g)].map((match) =>
    [...(match[1] ?? '').matchAll(/>([^<]+)<\/text>/g)].map((each) => each[1]).join(' '),
  );
  t.deepEqual(notes, [
    'A crash n1',
    'B partition {n1} | {n2, n3}',
    'A ends',
    'C heal all',
    'second phase: faults are healed',
  ]);
  // Two bands at one column stand side by side.
  const bands = [...svg.matchAll(/<g class="fault"><title>([^<]*)<\/title><rect x="([\d.]+)"/g)];
  t.is(new Set(bands.map((match) => match[2])).size, 4);
});

test('a fault from before the window is still told', (t) => {
  const fault = { text: 'pause n2', nodes: ['n2'], fromUs: 1000, untilUs: null };
  const svg = spaceTimeSvg({ ...EMPTY, faults: [fault] }, { fromUs: 5000 });
  t.true(svg.includes('pause n2, since 1.00 ms'));
  const over = { ...fault, untilUs: 2000 };
  t.false(spaceTimeSvg({ ...EMPTY, faults: [over] }, { fromUs: 5000 }).includes('pause n2'));
});

const VIOLATION: Violation = {
  property: 'Election Safety',
  message: 'n1 and n3 both lead in term 4.',
  atMs: 5,
};

test('the violation is a red line with its sentence, between what came before and after', (t) => {
  const before = message({ text: 'before', sentUs: 3000, arrivedUs: 4000 });
  const after = message({ text: 'after', sentUs: 5500, arrivedUs: 6500 });
  const trace = withMessages([before, after]);
  const svg = spaceTimeSvg(trace, { violation: VIOLATION });
  const sentences = [...svg.matchAll(/<g class="violation">.*?<\/g>/gs)].map(([part]) =>
    [...part.matchAll(/>([^<]+)<\/text>/g)].map((match) => match[1]).join(' '),
  );
  t.deepEqual(sentences, ['Election Safety is violated: n1 and n3 both lead in term 4.']);
  const box = svg.match(/<g class="violation"><rect [^>]*y="([\d.]+)"[^>]*height="([\d.]+)"/);
  const [top, height] = [Number(box?.[1]), Number(box?.[2])];
  t.true(arrowOf(svg, 'before').y2 < top);
  t.true(arrowOf(svg, 'after').y1 > top + height);
  t.false(spaceTimeSvg(trace, { violation: null }).includes('class="violation"'));
  t.false(spaceTimeSvg(trace).includes('class="violation"'));
});

test('a violation at the very end fits the picture', (t) => {
  const svg = spaceTimeSvg(withMessages([message()], 5000), { violation: VIOLATION });
  const box = svg.match(/<g class="violation"><rect [^>]*y="([\d.]+)"[^>]*height="([\d.]+)"/);
  t.true(Number(box?.[1]) + Number(box?.[2]) < heightOf(svg) - 20);
  const names = [...svg.matchAll(/<text x="[\d.]+" y="([\d.]+)"[^>]*font-size="14"/g)];
  t.true(Number(names.at(-1)?.[1]) > Number(box?.[1]) + Number(box?.[2]));
});

/** One message a millisecond, in groups of as many as a step sends. */
function longRun(count: number, group = 1): Trace {
  const messages = Array.from({ length: count }, (_, i) => {
    const sentUs = 1000 * Math.floor(i / group);
    return message({ text: `message ${i};`, sentUs, arrivedUs: sentUs + 500 });
  });
  return withMessages(messages, (count / group) * 1000);
}

test('a short run is shown whole, of a long one the end that can be read', (t) => {
  const whole = spaceTimeSvg(longRun(400));
  t.is(arrowsOf(whole).length, 400);
  t.regex(whole, /The whole run, 400\.00 ms with 400 messages/);
  const long = spaceTimeSvg(longRun(2000));
  t.is(arrowsOf(long).length, 400);
  t.true(long.includes('message 1999;') && long.includes('message 1600;'));
  t.false(long.includes('message 1599;'));
  t.regex(long, /From 1600\.00 to 2000\.00 ms of a run of 2000\.00 ms/);
  t.true(long.replace(/<\/text><text[^>]*>/g, ' ').includes('what came before is left out'));
  t.regex(long.replace(/<\/text><text[^>]*>/g, ' '), /with 400 of its 2000 messages/);
});

test('the window does not tear apart what was sent at once', (t) => {
  const long = arrowsOf(spaceTimeSvg(longRun(2100, 7)));
  t.is(long.length % 7, 0);
  t.true(long.length <= 400 && long.length > 390);
});

test('the window lies around the violation, or where it is asked for', (t) => {
  const around = spaceTimeSvg(longRun(2000), { violation: { ...VIOLATION, atMs: 1000 } });
  t.true(around.includes('message 1000;') && around.includes('message 1010;'));
  t.false(around.includes('message 1100;') || around.includes('message 500;'));
  t.regex(around.replace(/<\/text><text[^>]*>/g, ' '), /what came before and after is left out/);
  const asked = spaceTimeSvg(longRun(2000), { fromUs: 100_200, toUs: 110_200 });
  const numbers = arrowsOf(asked).map(({ title }) => Number(title.match(/\d+/)?.[0]));
  // Number 100 had been sent and was still under way.
  t.deepEqual(
    numbers,
    Array.from({ length: 11 }, (_, i) => 100 + i),
  );
});

test('messages that cross the edges of the window end there', (t) => {
  const messages = [
    message({ text: 'crosses the top', sentUs: 1000, arrivedUs: 4000 }),
    message({ text: 'within', sentUs: 4000, arrivedUs: 5000 }),
    message({ text: 'crosses the bottom', sentUs: 5000, arrivedUs: 9000 }),
  ];
  const svg = spaceTimeSvg(withMessages(messages), { fromUs: 3000, toUs: 6000 });
  const columns = columnsOf(svg);
  const [top, bottom] = [arrowOf(svg, 'the top'), arrowOf(svg, 'the bottom')];
  t.true(top.x1 > (columns.get('n1') ?? 0) + 10 && top.x2 > (columns.get('n2') ?? 0) - 6);
  t.true(bottom.x1 < (columns.get('n1') ?? 0) + 6 && bottom.x2 < (columns.get('n2') ?? 0) - 10);
  t.true(top.y1 <= arrowOf(svg, 'within').y1 && bottom.y2 >= arrowOf(svg, 'within').y2);
});

test('idle time is cut and its length told; without it nothing is cut', (t) => {
  const pair = (gapUs: number): Trace =>
    withMessages(
      [
        message({ text: 'one', sentUs: 0, arrivedUs: 1000 }),
        message({ text: 'two', sentUs: 1000 + gapUs, arrivedUs: 2000 + gapUs }),
      ],
      2000 + gapUs,
    );
  const [near, far] = [spaceTimeSvg(pair(1000)), spaceTimeSvg(pair(12_340_000))];
  t.false(near.includes('class="break"'));
  t.is(occurrences(far, 'class="break"'), 1);
  t.true(far.includes('>12.34 s</text>'));
  t.true(heightOf(far) < heightOf(near) + 60);
  t.true(arrowOf(far, 'two').y1 > arrowOf(far, 'one').y2 + 20);
});

test('dense time does not become a smear', (t) => {
  const messages = Array.from({ length: 50 }, (_, i) =>
    message({ text: `message ${i};`, sentUs: 5000 + i, arrivedUs: 9000 + i }),
  );
  const arrows = arrowsOf(spaceTimeSvg(withMessages(messages)));
  t.true(arrows.every(({ y1 }, i) => i === 0 || y1 - (arrows[i - 1]?.y1 ?? 0) >= 4));
});

test('the picture fits a page, whatever the number of nodes', (t) => {
  for (const nodes of [1, 2, 3, 5, 7]) {
    const trace = tracedRun({ nodes, durationMs: 700, seed: 2 });
    const svg = spaceTimeSvg(trace);
    t.is(illFormed(svg), null);
    t.true(Number(svg.match(/width="(\d+)"/)?.[1]) <= 1040);
    const columns = [...columnsOf(svg).values()];
    t.is(columns.length, nodes);
    t.true(columns.every((x) => x > 90 && x < 960));
    t.true(columns.every((x, i) => i === 0 || x - (columns[i - 1] ?? 0) >= 90));
  }
});

test('it brings its own paper', (t) => {
  t.regex(spaceTimeSvg(EMPTY), /<rect x="-20" y="-20" width="1040" height="\d+" fill="#ffffff"/);
});

test('a run without messages, records or nodes breaks nothing', (t) => {
  for (const trace of [EMPTY, { ...EMPTY, endUs: 0 }, { ...EMPTY, nodes: [] }]) {
    const svg = spaceTimeSvg(trace, { violation: VIOLATION });
    t.is(illFormed(svg), null);
    t.notRegex(svg, /NaN|undefined|Infinity/);
  }
});

test('whatever it quotes is escaped', (t) => {
  const evil = `<script>alert("1" & '2')</script>`;
  const trace: Trace = {
    ...EMPTY,
    nodes: [evil, 'n2'],
    messages: [message({ from: evil, text: evil, kind: evil })],
    roles: [{ node: evil, atUs: 0, role: 'leader', term: 1 }],
    commits: [{ node: evil, atUs: 3000, index: 1 }],
    faults: [{ text: evil, nodes: [evil], fromUs: 0, untilUs: null }],
  };
  const violation = { property: evil, message: evil, atMs: 5 };
  const svg = spaceTimeSvg(trace, { title: evil, violation });
  t.is(illFormed(svg), null);
  t.notRegex(svg, /<script/);
  t.true(occurrences(svg, '&lt;script&gt;') >= 8);
});

test('an axis keeps order, interpolates, and stands still beyond its ends', (t) => {
  const axis = timeAxis([30, 10, 20, 20], (from, to) => ({
    pixels: (to - from) * 2,
    skips: from === 20,
  }));
  t.is(axis.length, 40);
  t.deepEqual([0, 10, 12, 20, 25, 30, 99].map(axis.at), [0, 0, 4, 20, 30, 40, 40]);
  t.deepEqual(axis.breaks, [{ from: 20, to: 40, skipped: 10 }]);
  t.is(timeAxis([], () => ({ pixels: 1, skips: false })).at(5), 0);
});
