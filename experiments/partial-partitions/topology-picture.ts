/** The partitions drawn as graphs: who leads, who hears whom, who is left alone. */
import { COLORS, PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import {
  BOLD,
  fittingLines,
  group,
  heading,
  type PlotLayout,
  round,
  svg,
  text,
  WIDTHS,
} from '../../lab/report/plot-parts.ts';
import { nodeIds } from '../../lab/schedule.ts';
import {
  linksOf,
  type Topology,
  type TopologyLink,
  type TopologyName,
  topologyOf,
} from './topologies.ts';

type Point = { readonly x: number; readonly y: number };

const TITLE = 'Who still hears whom';
const COLUMNS: Readonly<Record<PlotLayout, number>> = { wide: 3, narrow: 1 };
const HEIGHT = 212;
const RADIUS = 66;
const NODE_RADIUS = 16;
/** Of the graph within its tile; words stand to its right. */
const CENTER: Point = { x: 88, y: 104 };
const WORDS_X = 184;

export function topologiesFigure(names: readonly TopologyName[]): Figure {
  const alt = names.map((name) => {
    const { about, title } = topologyOf(name);
    return `${title}: ${about}`;
  });
  return {
    title: TITLE,
    file: 'topologies.svg',
    svg: drawn(names, 'wide', alt.join(' ')),
    narrow: drawn(names, 'narrow', alt.join(' ')),
    alt: alt.join(' '),
    caption:
      'The server in blue leads when the partition begins. A line carries messages both ways, an ' +
      'arrow one way, a dashed line few; all else is cut. Clients reach every server.',
  };
}

function drawn(names: readonly TopologyName[], layout: PlotLayout, alt: string): string {
  const width = WIDTHS[layout];
  const columns = COLUMNS[layout];
  const head = heading(TITLE, width);
  const tiles = names.map((name, i) => {
    const x = (i % columns) * (width / columns);
    const y = head.height - 12 + Math.floor(i / columns) * HEIGHT;
    return group(x, y, tile(topologyOf(name), width / columns));
  });
  const height = head.height - 12 + Math.ceil(names.length / columns) * HEIGHT;
  return svg(TITLE, width, height, head.body + tiles.join(''), alt);
}

function tile(topology: Topology, width: number): string {
  const places = placesOf(topology.servers);
  const lines = linksOf(topology).map((link) => lineOf(link, places));
  const nodes = [...places].map(([id, place]) => node(id, place, topology));
  const words = width - WORDS_X - 12;
  const title = fittingLines(topology.title, words, 14);
  const about = fittingLines(topology.about, words, 12);
  const titles = title.map((line, i) => text(WORDS_X, 56 + i * 18, line, COLORS.ink, BOLD));
  const below = 56 + title.length * 18;
  const abouts = about.map((line, i) =>
    text(WORDS_X, below + i * 15, line, COLORS.quiet, 'font-size="12"'),
  );
  return lines.join('') + nodes.join('') + titles.join('') + abouts.join('');
}

/** On a circle, the first on top. */
function placesOf(servers: number): Map<string, Point> {
  return new Map(
    nodeIds(servers).map((id, i) => {
      const turn = (2 * Math.PI * i) / servers - Math.PI / 2;
      const x = CENTER.x + RADIUS * Math.cos(turn);
      return [id, { x, y: CENTER.y + RADIUS * Math.sin(turn) }];
    }),
  );
}

function node(id: string, { x, y }: Point, { behind, leader }: Topology): string {
  const isLeader = id === leader;
  const fill = isLeader ? PALETTE[0] : COLORS.paper;
  const ring = isLeader ? PALETTE[0] : COLORS.ink;
  const dash = id === behind ? ' stroke-dasharray="3 2"' : '';
  const label = isLeader ? COLORS.paper : COLORS.ink;
  const circle =
    `<circle cx="${round(x)}" cy="${round(y)}" r="${NODE_RADIUS}" fill="${fill}" ` +
    `stroke="${ring}" stroke-width="1.5"${dash}/>`;
  const weight = isLeader ? ` ${BOLD}` : '';
  const name = text(x, y + 4, id, label, `text-anchor="middle" font-size="12"${weight}`);
  const missed = id === behind ? text(x, y - 22, 'behind', COLORS.quiet, MISSED) : '';
  return circle + name + missed;
}

const MISSED = 'text-anchor="middle" font-size="11"';

function lineOf({ from, kind, to }: TopologyLink, places: ReadonlyMap<string, Point>): string {
  const start = places.get(from) ?? CENTER;
  const end = places.get(to) ?? CENTER;
  const length = Math.sqrt((end.x - start.x) ** 2 + (end.y - start.y) ** 2);
  const at = (share: number, aside = 0): string => {
    const x = start.x + (end.x - start.x) * share - ((end.y - start.y) / length) * aside;
    const y = start.y + (end.y - start.y) * share + ((end.x - start.x) / length) * aside;
    return `${round(x)},${round(y)}`;
  };
  const [first, last] = [NODE_RADIUS / length, 1 - NODE_RADIUS / length];
  const dash = kind === 'lossy' ? ' stroke-dasharray="2 5"' : '';
  const line =
    `<path d="M${at(first)}L${at(last)}" fill="none" stroke="${COLORS.quiet}" ` +
    `stroke-width="1.6"${dash}/>`;
  if (kind !== 'oneWay') return line;
  const back = 1 - (NODE_RADIUS + 9) / length;
  const head = `M${at(last)}L${at(back, 4.5)}L${at(back, -4.5)}Z`;
  return `${line}<path d="${head}" fill="${COLORS.quiet}"/>`;
}
