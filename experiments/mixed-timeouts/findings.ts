/** What the study says: mixtures of two timeout ranges beside one range for all. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { milliseconds, shortNumber } from '../../lab/report/table.ts';
import { medianMs, trialsText } from '../../lab/study/crashes.ts';
import { RULES, RULES_ABOUT, type Rules } from '../../lab/study/failover.ts';
import { changesFigure, timesFigure } from './figures.ts';
import { byNumber, changesEstimate, type Result, rangesOf } from './numbers.ts';
import { crashTable, lossTable } from './tables.ts';
import { HEARTBEAT_MS, LINK, LOSS, LOSS_MS, SERVERS, USUAL_TIMEOUT_MS } from './trial.ts';

const SHOWS = [
  'In plain Raft whoever times out first is elected: the fastest servers that are left decide, ' +
    'and slow ones cost nothing until hardly anybody else is left. Fast servers lead, time ' +
    'after time.',
  'With leader stickiness a server holds back its vote for its own shortest timeout since it ' +
    'heard the leader. A candidate then needs a majority whose shortest timeouts have passed. Of ' +
    'five servers two slow ones are enough to make most elections slow: of the four that are ' +
    'left only one may hold back.',
  'Under loss in plain Raft each fast server that misses a few heartbeats unseats the leader. ' +
    'With the protections it first has to find a majority that has missed them too.',
];

const SHOWS_NOT = [
  'Ranges that overlap only in part, or as many ranges as servers.',
  'Links whose latency comes close to the timeouts: split votes then add to all of these times.',
  'Losses in bursts, which hit several heartbeats in a row.',
  'PreVote, CheckQuorum and stickiness apart: they are on together or off together. It is ' +
    'stickiness that holds votes back.',
];

export function findings(results: readonly Result[]): Findings {
  const measured = results.filter(({ samples }) => samples.length > 0);
  const crashes = measured.filter(({ cell }) => cell.run === 'crash');
  const losses = measured.filter(({ cell }) => cell.run === 'loss');
  return {
    verdict: verdictOf(crashes),
    headline: headlineOf(losses),
    setup: setupOf(results),
    figures: [timesFigure(crashes), changesFigure(losses)],
    tables: [crashTable(crashes), lossTable(losses)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

// ---- Sentences ----------------------------------------------------------------------------------

function verdictOf(results: readonly Result[]): string {
  const ranges = rangesOf(results);
  const extremes = [...new Set([ranges[0] ?? '', ranges.at(-1) ?? ''])];
  const told = extremes.flatMap((range) => {
    const [first, ...others] = RULES.flatMap((rules) => turnOf(results, rules, range) ?? []);
    if (first === undefined) return [];
    const { isFaster, text, takes } = first;
    const verb = isFaster ? 'halve' : 'double';
    return [
      `it takes ${takes} of ${SERVERS} servers with ${range} ms to ${verb} the median time ` +
        'without a leader ' +
        `${[text, ...others.map((each) => `${each.takes} ${each.text}`)].join(' and ')}`,
    ];
  });
  if (told.length === 0) return 'Servers of one range and of two were not both measured.';
  const text = told.join('; ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

const NAMES: Readonly<Record<Rules, string>> = {
  plain: 'in plain Raft',
  protected: 'with PreVote, CheckQuorum and stickiness',
};

/** How many servers with a range it takes until the median is halved or doubled. */
function turnOf(results: readonly Result[], rules: Rules, range: string) {
  const [base, ...mixed] = byNumber(results, 'crash', rules, range);
  const last = mixed.at(-1);
  if (base === undefined || base.cell.others !== 0 || last === undefined) return null;
  const usual = medianMs(base) ?? 0;
  const isFaster = (medianMs(last) ?? 0) < usual;
  const turned = mixed.find((each) => {
    const median = medianMs(each) ?? 0;
    return isFaster ? median <= usual / 2 : median >= usual * 2;
  });
  if (turned === undefined) {
    return { isFaster, takes: `more than ${last.cell.others}`, text: NAMES[rules] };
  }
  const change = `${milliseconds(usual)} to ${milliseconds(medianMs(turned))}`;
  return { isFaster, takes: String(turned.cell.others), text: `${NAMES[rules]} (${change})` };
}

function headlineOf(results: readonly Result[]): string[] {
  const told = RULES.flatMap((rules) => {
    const all = results
      .filter(({ cell }) => cell.rules === rules)
      .flatMap((result) => {
        const changes = changesEstimate(result);
        return changes === null ? [] : [{ cell: result.cell, changes }];
      })
      .sort((a, b) => b.changes.value - a.changes.value);
    const [most] = all;
    if (most === undefined) return [];
    const { cell, changes } = most;
    const where = `${cell.others} servers with ${cell.otherTimeoutMs} ms`;
    const { high, low, value } = changes;
    const interval = `${shortNumber(low)} to ${shortNumber(high)}`;
    return [
      `**${shortNumber(value)}** (${interval}) with ${where} ` +
        `${rules === 'plain' ? 'in plain Raft' : 'with the protections'}`,
    ];
  });
  if (told.length === 0) return [];
  return [
    `While ${LOSS * 100} % of messages are lost, the leader changes at most ` +
      `${told.join(', and ')}, times a minute.`,
  ];
}

function setupOf(results: readonly Result[]): Pairs {
  const crashes = trialsText(results, 'crash');
  const losses = trialsText(results, 'loss');
  return [
    ['servers', `${SERVERS}, all logs equal; a server drawn for each trial leads first`],
    ['usual range', `${USUAL_TIMEOUT_MS.join(' to ')} ms`],
    ['other range', `${rangesOf(results).join(', ')} ms, of 0 to ${SERVERS} of the servers`],
    ['heartbeat', `${HEARTBEAT_MS} ms`],
    ['plain', RULES_ABOUT.plain],
    ['protected', `${RULES_ABOUT.protected}; for each server by its own shortest timeout`],
    ['links', `${LINK.delayMs} ms ± ${LINK.jitterMs} ms one way, uniform, drawn for each message`],
    ['crash', 'of the leader, at a moment drawn from the heartbeat interval, without loss'],
    ['loss', `${LOSS * 100} % of messages, independent, for ${LOSS_MS / 1000} s, without a crash`],
    ['left out', 'latency of disks, load'],
    ['trials', `${crashes} crashes and ${losses} runs under loss of each cell`],
    ['published', 'nothing: §9.7 of the dissertation names the question and leaves it open'],
  ];
}
