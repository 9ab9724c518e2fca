/**
 * Shows that charts and matrices say what they are given: each series in the legend once, every
 * value in its place, every cell with its text; that no text leaves the picture or lies on another
 * in either layout; that colour is never the only sign; and that a page in the dark knows every
 * colour.
 *
 *     npx ava test/charts.test.ts
 */
import test from 'ava';
import { parseHTML } from 'linkedom';
import { type Chart, type ChartSeries, chart, chartFigure } from '../lab/report/chart.ts';
import { COLORS, PALETTE, SHADES } from '../lab/report/colors.ts';
import { reportPage } from '../lab/report/content-page.ts';
import { type Matrix, matrix, matrixFigure } from '../lab/report/matrix.ts';
import { colorsIn } from '../lab/report/page-parts.ts';
import { illFormed, occurrences } from './support/markup.ts';
import { overlaps, strays, textsOf } from './support/picture-texts.ts';

const LAYOUTS = ['wide', 'narrow'] as const;
const RANGES = ['150-150', '150-151', '150-155', '150-175', '150-200', '150-300'];

function steps(i: number): ChartSeries['points'] {
  return Array.from({ length: 400 }, (_, k) => ({ x: 150 + (i + 1) * k ** 1.4, y: (k + 1) / 400 }));
}

const CURVES: Chart = {
  title: 'Time without a leader after a crash',
  alt: 'Six curves; each is further to the right the smaller its range of timeouts.',
  x: { label: 'time without a leader, ms', scale: 'log' },
  y: { label: 'cumulative share of trials', domain: [0, 1] },
  panels: [
    {
      title: '',
      series: RANGES.flatMap((range, i): ChartSeries[] => [
        { label: `${range} ms`, color: PALETTE[i] ?? '', kind: 'steps', points: steps(i) },
        {
          label: `${range} ms, published`,
          color: PALETTE[i] ?? '',
          kind: 'dots',
          hollow: true,
          points: [0.1, 0.5, 0.9].map((y) => ({ x: 200 * (i + 1) * (1 + y), y })),
        },
      ]),
    },
  ],
};

function line(label: string, i: number): ChartSeries {
  const points = [1, 2, 4, 8, 16, 32, 64, 128].map((x) => {
    const y = 900 * (i + 1) * x ** 0.7;
    return { x, y, low: y * 0.8, high: y * 1.2 };
  });
  return { label, color: PALETTE[i] ?? '', kind: 'line', points };
}

const WINDOWS: Chart = {
  title: 'Throughput over the window, with a title so long that a telephone shows it in lines',
  alt: 'Throughput rises with the window.',
  x: { label: 'window, entries', scale: 'log', ticks: [1, 2, 4, 8, 16, 32, 64, 128] },
  y: { label: 'throughput, operations/s', scale: 'log' },
  panels: ['no delay', '1 ms', 'a delay whose panel has a title of more than one line', '5 ms'].map(
    (title) => ({ title, series: [line('one by one', 0), line('in batches', 1)] }),
  ),
};

const MODES = ['plain', 'PreVote', 'CheckQuorum', 'PreVote + CheckQuorum', 'stickiness off'];
const NETWORKS = ['quorum-loss hub', 'chained', 'a bridge with an isolated voter', 'no fault'];

function availability(columns: readonly string[], text = '99.9 %'): Matrix {
  return {
    title: 'Availability of writes under partial partitions',
    alt: 'Only variants with PreVote and CheckQuorum are available in all topologies.',
    columns,
    rows: NETWORKS.map((label, r) => ({
      label,
      cells: columns.map((_, c) => ({ text, shade: ((r * 5 + c) % 13) / 12 })),
    })),
    scale: ['never available', 'always available'],
    rowsTitle: 'topology',
    columnsTitle: 'variant',
  };
}

const TWELVE = [...MODES, ...MODES].map((mode, i) => `${mode}, ${i < 5 ? 'idle' : 'under load'}`);

const PICTURES: Readonly<Record<string, (layout: 'wide' | 'narrow') => string>> = {
  curves: (layout) => chart(CURVES, layout),
  windows: (layout) => chart(WINDOWS, layout),
  'three panels': (layout) => chart({ ...WINDOWS, columns: 3 }, layout),
  'five columns': (layout) => matrix(availability(MODES), layout),
  'ten columns': (layout) => matrix(availability(TWELVE), layout),
  'slanted heads': (layout) => matrix(availability(TWELVE, '9 s'), layout),
};

for (const [name, draw] of Object.entries(PICTURES)) {
  test(`${name}: whole, in the frame, no text on another, the same bytes again`, (t) => {
    for (const layout of LAYOUTS) {
      const svg = draw(layout);
      t.is(illFormed(svg), null);
      t.regex(svg, new RegExp(`^<svg [^>]*viewBox="-16 -16 ${layout === 'wide' ? 984 : 432} `));
      t.notRegex(svg, /NaN|undefined|Infinity/);
      t.deepEqual(strays(svg), [], layout);
      t.deepEqual(overlaps(svg), [], layout);
      t.is(draw(layout), svg);
    }
  });
}

test('a picture has its title and what it shows for those who do not see it', (t) => {
  for (const svg of [chart(CURVES, 'wide'), chart({ ...CURVES, panels: [] }, 'wide')]) {
    t.regex(svg, /^<svg [^>]*role="img" aria-label="Six curves; each is further/);
    t.true(svg.includes(`<title>${CURVES.title}</title>`));
  }
  t.regex(matrix(availability(MODES), 'narrow'), /aria-label="Only variants with PreVote/);
});

test('the legend has each label once, however many panels have it', (t) => {
  const texts = textsOf(chart(WINDOWS, 'wide')).map(({ content }) => content);
  t.is(texts.filter((each) => each === 'one by one').length, 1);
  t.is(texts.filter((each) => each === 'in batches').length, 1);
});

test('curves differ in their dashes and dots in their shapes; published dots are hollow', (t) => {
  const svg = chart(CURVES, 'wide');
  const dashes = PALETTE.slice(0, 6).map(
    (color) =>
      new RegExp(`<path d="M0,-4H24" stroke="${color}"[^/]*?(stroke-dasharray="[^"]*")?/>`).exec(
        svg,
      )?.[1],
  );
  t.is(new Set(dashes).size, 6);
  t.true(occurrences(svg, `fill="${COLORS.paper}"`) > 6);
  const { document } = parseHTML(svg);
  const shapes = [...document.querySelectorAll('[aria-label="dot"]')]
    .slice(0, 6)
    .map((dots) => dots.firstElementChild?.getAttribute('d') ?? 'circle');
  t.is(new Set(shapes).size, 6);
});

test('every tick that is asked for is there where it has room, in the words asked for', (t) => {
  const svg = chart({ ...WINDOWS, x: { ...WINDOWS.x, format: (x) => `${x} B` } }, 'wide');
  const texts = textsOf(svg).map(({ content }) => content);
  for (const tick of [1, 2, 4, 8, 16, 32, 64, 128]) t.true(texts.includes(`${tick} B`), `${tick}`);
});

test('a value beyond a given domain is cut off at its edge', (t) => {
  const series: ChartSeries = {
    label: 'formula',
    color: PALETTE[0],
    kind: 'dashes',
    points: [0, 1, 2, 3].map((x) => ({ x, y: x })),
  };
  const svg = chart(
    {
      title: 'Cut',
      alt: 'A line that leaves the panel.',
      x: { label: 'x', domain: [0, 3] },
      y: { label: 'y', domain: [0, 1.5] },
      panels: [{ title: '', series: [series] }],
    },
    'wide',
  );
  const path = /aria-label="line"[^>]*><path d="M([\d.]+),([\d.]+)[^"]*L([\d.]+),([\d.]+)"/.exec(
    svg,
  );
  const [fromX, fromY, toX, toY] = (path ?? []).slice(1).map(Number);
  t.true((toY ?? 0) > 0 && (toY ?? 0) < (fromY ?? 0), 'it ends at the upper edge of the panel');
  // Half way along the axis, which ends at the right edge.
  t.true((toX ?? 0) - (fromX ?? 0) < 952 / 2);
});

test('what cannot be drawn is left out, and a panel without anything says so', (t) => {
  const odd = [
    { x: 1, y: 0 },
    { x: Number.NaN, y: 1 },
    { x: 2, y: 5 },
  ];
  const series: ChartSeries = { label: 'odd', color: PALETTE[0], kind: 'line', points: odd };
  const svg = chart(
    {
      ...WINDOWS,
      panels: [
        { title: 'some', series: [series] },
        { title: 'none', series: [{ ...series, points: [] }] },
      ],
    },
    'wide',
  );
  t.is(occurrences(svg, 'Nothing was measured.'), 1);
  t.notRegex(svg, /NaN|Infinity/);
});

test('many thousand steps cost no more than can be seen', (t) => {
  const points = Array.from({ length: 50_000 }, (_, i) => ({ x: 1 + i, y: (i + 1) / 50_000 }));
  const series: ChartSeries = { label: 'many', color: PALETTE[0], kind: 'steps', points };
  const svg = chart({ ...CURVES, panels: [{ title: '', series: [series] }] }, 'wide');
  t.true(svg.length < 60_000, `${svg.length}`);
});

test('a matrix has every cell with its text on a shade, from bad at one end to good', (t) => {
  const cells = [0, 0.5, 1, null].map((shade, i) => ({ text: `cell ${i}`, shade }));
  const spec = { ...availability(['a', 'b', 'c', 'd']), rows: [{ label: 'row', cells }] };
  const svg = matrix(spec, 'wide');
  cells.forEach(({ shade, text }) => {
    const before = svg.slice(0, svg.indexOf(`>${text}<`));
    const fill = /<rect [^>]*fill="([^"]*)"[^>]*>(?:(?!<rect).)*$/.exec(before)?.[1];
    t.is(fill, shade === null ? 'none' : SHADES[shade * 6], text);
  });
  const texts = textsOf(svg).map(({ content }) => content);
  for (const word of ['never available', 'always available', 'not measured']) {
    t.true(texts.includes(word), word);
  }
});

test('on a telephone the columns of a matrix that do not fit go on below, with all rows', (t) => {
  const texts = textsOf(matrix(availability(TWELVE), 'narrow')).map(({ content }) => content);
  const blocks = texts.filter((each) => each === 'no fault').length;
  t.true(blocks > 1);
  t.is(texts.filter((each) => each === '99.9 %').length, TWELVE.length * NETWORKS.length);
});

test('heads that do not fit side by side are slanted where that keeps the matrix whole', (t) => {
  const slanted = textsOf(matrix(availability(TWELVE, '9 s'), 'wide')).filter(
    (text) => text.slanted,
  );
  t.is(slanted.length, TWELVE.length);
  t.true(overlaps('<svg font-size="9"><text x="0">a</text><text x="1">b</text></svg>').length > 0);
});

test('a dark page has another colour for each that a picture draws with', (t) => {
  const figures = [
    chartFigure(CURVES, 'curves.svg', 'Measured and published.'),
    matrixFigure(availability(MODES), 'availability.svg', 'Writes that succeeded.'),
  ];
  const page = reportPage({
    name: 'example',
    question: 'How long is there no leader?',
    verdict: 'Not long.',
    complaints: [],
    headline: [],
    setup: [],
    figures,
    tables: [],
    shows: [],
    showsNot: [],
    provenance: [],
    command: 'npm run experiment -- example',
  });
  const drawn = figures.flatMap(({ svg }) => svg.match(/"#[0-9a-f]{6}"/g) ?? []);
  for (const color of new Set(drawn)) {
    t.regex(page, new RegExp(`\\[fill=${color}\\]\\{fill:#[0-9a-f]{6}\\}`));
  }
  for (const color of [...PALETTE, ...SHADES, ...Object.values(COLORS)]) {
    t.deepEqual(colorsIn([`fill="${color}"`]), [color]);
  }
  t.regex(page, /<h2 class="unseen">Time without a leader after a crash<\/h2>/);
});
