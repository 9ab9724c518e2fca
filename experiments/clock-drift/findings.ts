/** What the study says: clocks that are off beside true ones. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { milliseconds, percent } from '../../lab/report/table.ts';
import { medianMs, trialsText } from '../../lab/study/crashes.ts';
import { RULES, RULES_ABOUT, type Rules } from '../../lab/study/failover.ts';
import { clocksText, SERVERS } from './clocks.ts';
import { RATIO_LIMIT, rateFigure, spreadFigure, unseatedFigure } from './figures.ts';
import { byRate, bySpread, crashesOf, find, type Result, unseated } from './numbers.ts';
import { crashTable, quietTable } from './tables.ts';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS, LINK, QUIET_MS, WARM_UP_MS } from './trial.ts';

const SHOWS = [
  'What counts is the ratio of two clocks, a follower’s to its leader’s. While it stays below ' +
    `that of the shortest timeout to the interval of heartbeats, here ${RATIO_LIMIT}, heartbeats ` +
    'come in time and nobody notices.',
  'Beyond it plain Raft lets the fast follower take over. That ends the trouble: its own ' +
    'heartbeats come faster than anybody’s timeout, and the lead stays with the fastest clock.',
  'With the protections a single fast follower is refused by the others, who hear their leader: ' +
    'it keeps asking and never leads. A leader that is slow itself is not protected, and should ' +
    'not be: all others miss its heartbeats.',
  'After a crash a fast clock shortens the wait in plain Raft, since it times out first and ' +
    'nobody holds back its vote. With stickiness the others do until their own shortest timeout ' +
    'has passed.',
];

const SHOWS_NOT = [
  'What drift does to reads by lease, which is a question of safety: see the experiment ' +
    'read-modes.',
  'Clocks that jump or stand still, and rates that change: here each keeps its own.',
  'Load: the processor time that a clock ten times too fast costs in heartbeats is not counted, ' +
    'and neither is what a change of leaders costs clients.',
  'Fast servers that cannot win, since their logs are behind: in plain Raft such a one would not ' +
    'take over but go on disturbing (see the experiment disruptive-rejoin).',
];

export function findings(results: readonly Result[]): Findings {
  const measured = results.filter(({ samples }) => samples.length > 0);
  const crashes = measured.filter(({ cell }) => cell.run === 'crash');
  const quiets = measured.filter(({ cell }) => cell.run === 'quiet');
  return {
    verdict: verdictOf(measured),
    headline: headlineOf(measured),
    setup: setupOf(results),
    figures: [unseatedFigure(quiets), rateFigure(crashes), spreadFigure(crashes)],
    tables: [quietTable(quiets), crashTable(crashes)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

// ---- Sentences ----------------------------------------------------------------------------------

function verdictOf(results: readonly Result[]): string {
  const clauses = [...spreadClauses(results), ...oddClauses(results)];
  if (clauses.length === 0) return 'True clocks and others were not both measured.';
  const text = clauses.join('; ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** The widest spread beside true clocks. */
function spreadClauses(results: readonly Result[]): string[] {
  const changes = RULES.flatMap((rules) => {
    const spreads = bySpread(results, 'crash', rules);
    const [base, widest] = [spreads[0], spreads.at(-1)];
    if (base?.share !== 0 || widest === undefined || widest.share === 0) return [];
    const [from, to] = [base.result, widest.result].map((each) => milliseconds(medianMs(each)));
    return [
      { clocks: clocksText(widest.result.cell.clocks), text: `from ${from} to ${to} (${rules})` },
    ];
  });
  const [first] = changes;
  if (first === undefined) return [];
  const quiet = RULES.flatMap((rules) => {
    const widest = bySpread(results, 'quiet', rules).at(-1);
    return widest === undefined ? [] : (unseated(widest.result)?.value ?? []);
  });
  const most = Math.max(...quiet);
  const lost = most > 0 ? `unseat up to ${percent(most)} of leaders` : 'unseat no leader';
  const told = changes.map(({ text }) => text).join(' and ');
  return [
    `clocks ${first.clocks} take the median time without a leader ` +
      `${told}${quiet.length === 0 ? '' : `, and ${lost}`}`,
  ];
}

/** The clocks that are farthest off, either way. */
function oddClauses(results: readonly Result[]): string[] {
  const rates = RULES.flatMap((rules) => byRate(results, 'quiet', rules));
  const fastest = rates.filter(({ rate }) => rate > 1).sort((a, b) => b.rate - a.rate)[0];
  const slowest = rates.filter(({ rate }) => rate < 1).sort((a, b) => a.rate - b.rate)[0];
  return [fastest, slowest].flatMap((extreme) => {
    if (extreme === undefined) return [];
    const { clocks } = extreme.result.cell;
    const shares = RULES.flatMap((rules) => {
      const found = find(results, 'quiet', rules, clocks);
      const lost = found === undefined ? null : unseated(found);
      return lost === null ? [] : [{ share: percent(lost.value), rules }];
    });
    const alike = shares.length > 1 && new Set(shares.map(({ share }) => share)).size === 1;
    const told = alike
      ? `${shares[0]?.share} of runs, protected or not`
      : shares.map(({ rules, share }) => `${share} of ${NAMES[rules]}`).join(' and ');
    const who = extreme.rate > 1 ? 'a follower' : 'a leader';
    const does = extreme.rate > 1 ? 'unseats the leader' : 'is unseated';
    const times = clocksText(clocks).replace(/^one /, '');
    return [`${who} ${times} ${does} in ${told}`];
  });
}

const NAMES: Readonly<Record<Rules, string>> = {
  plain: 'plain runs',
  protected: 'protected runs',
};

function headlineOf(results: readonly Result[]): string[] {
  const threshold = byRate(results, 'quiet', 'plain').find(
    ({ rate, result }) => rate > 1 && (unseated(result)?.low ?? 0) > 0,
  );
  const fastest = byRate(results, 'crash', 'plain')
    .filter(({ rate }) => rate > 1)
    .sort((a, b) => (medianMs(a.result) ?? 0) - (medianMs(b.result) ?? 0))[0];
  const lines: string[] = [];
  if (threshold !== undefined) {
    lines.push(
      `In plain Raft a follower unseats its leader from **${threshold.rate}×** its rate on, the ` +
        `first of those measured; shortest timeout and heartbeat are in a ratio of ${RATIO_LIMIT}.`,
    );
  }
  if (fastest !== undefined) {
    const crashes = crashesOf(fastest.result.samples);
    const won = crashes.filter(({ oddWon }) => oddWon).length;
    lines.push(
      `There a clock **${fastest.rate}×** as fast wins **${percent(won / crashes.length)}** of ` +
        'the elections after a crash, and brings the median to ' +
        `**${milliseconds(medianMs(fastest.result))}**.`,
    );
  }
  return lines;
}

function setupOf(results: readonly Result[]): Pairs {
  const crashes = trialsText(results, 'crash');
  const quiets = trialsText(results, 'quiet');
  return [
    ['servers', `${SERVERS}, all logs equal`],
    ['clocks', 'each at a rate of its own, the same throughout a run'],
    ['all off by up to …', 'each rate uniform within that share of 1, drawn for each trial'],
    ['one fast or slow', 'that of a server drawn for each trial; the others are true'],
    ['first leader', 'a server with the slowest clock, by lot where several have it'],
    ['plain', RULES_ABOUT.plain],
    ['protected', RULES_ABOUT.protected],
    ['election timeouts', `${ELECTION_TIMEOUT_MS.join(' to ')} ms on the server’s own clock`],
    ['heartbeat', `${HEARTBEAT_MS} ms on the leader’s own clock`],
    ['links', `${LINK.delayMs} ms ± ${LINK.jitterMs} ms one way, uniform, drawn for each message`],
    [
      'crash',
      `of whoever leads ${WARM_UP_MS / 1000} s later, at a moment drawn from a heartbeat interval`,
    ],
    ['left out', 'latency of disks, loss, load'],
    ['trials', `${crashes} crashes and ${quiets} quiet runs of ${QUIET_MS / 1000} s of each cell`],
    ['published', 'nothing: §9.7 of the dissertation names the question and leaves it open'],
  ];
}
