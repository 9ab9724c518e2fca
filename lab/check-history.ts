/**
 * The command `npm run check-history`: reads a history and says whether it is linearizable, with
 * the operations that show why not.
 */
import { readFileSync } from 'node:fs';
import { text as textOfStream } from 'node:stream/consumers';
import { Command, CommanderError } from 'commander';
import { canonicalText } from '../src/canonical-json.ts';
import { standardOutput } from '../src/standard-output.ts';
import { messageOf, mistake, oneLine, UserError } from '../src/user-error.ts';
import type { HistoryOperation, Json } from './history.ts';
import { parseHistory } from './history-file.ts';
import { checkLinearizability, type Linearizability, STEPS_DEFAULT } from './linearizability.ts';
import { executeOn } from './model.ts';
import { NotWritten } from './report/write-whole.ts';
import { writeText } from './swarm/files.ts';

const STEPS_MAX = Number.MAX_SAFE_INTEGER;
const COLUMNS_DEFAULT = 80;
/** Of what was placed, so many are shown, from the end. */
const SHOWN_PLACED = 8;
const SHOWN_STUCK = 12;
const WORDS_MAX = 34;
const NS_PER_MS = 1e6;
/** Below it, milliseconds to three places would hide too much. */
const NS_SHOWN_MAX = 10_000;

type Request = {
  readonly file: string;
  readonly steps: number;
  readonly html: string | undefined;
  readonly json: boolean;
};

/** The exit status: 0 if linearizable, 1 if not or not known. Mistakes throw UserError. */
export async function main(words: readonly string[]): Promise<number> {
  const { stdout, stderr } = standardOutput();
  const { file, steps, html, json } = parse(words);
  const name = file === '-' ? 'standard input' : file;
  const history = parseHistory(await textOf(file), name);
  if (history.length === 0) throw new UserError(`${name} holds no operations`);
  const result = checkLinearizability(history, { steps });
  if (html !== undefined) {
    const { historyPage } = await import('./report/history-picture.ts');
    writeText('--html', html, historyPage(history, result, name), (reason) => {
      return new UserError(`--html ${html} cannot be written: ${oneLine(reason)}`);
    });
    stderr.write(`picture: ${html}\n`);
  }
  const columns = stdout.columns ?? COLUMNS_DEFAULT;
  const text = json ? JSON.stringify(result) : describe(name, history, result, steps, columns);
  stdout.write(`${text}\n`);
  return result.verdict === 'ok' ? 0 : 1;
}

function parse(words: readonly string[]): Request {
  const command = new Command('npm run check-history --')
    .description('Says whether a history is linearizable; docs/history.md has the format.')
    .argument('<file>', 'an operation a line, as JSON; - is standard input')
    .option('--steps <count>', `work on a key after which to give up (default ${STEPS_DEFAULT})`)
    .option('--html <file>', 'draw what is told of the history, for a browser')
    .option('--json', 'print the result as JSON', false)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .addHelpText('after', '\nExit status: 0 linearizable, 1 not or not known, 2 for a mistake.');
  command.parse([...words], { from: 'user' });
  const { steps, html, json } = command.opts<{ steps?: string; html?: string; json: boolean }>();
  return { file: command.args[0] as string, steps: stepsOf(steps), html, json };
}

function stepsOf(text: string | undefined): number {
  if (text === undefined) return STEPS_DEFAULT;
  const steps = /^\d+$/.test(text) ? Number(text) : 0;
  if (steps >= 1 && steps <= STEPS_MAX) return steps;
  throw mistake('--steps', text, `a whole number from 1 to ${STEPS_MAX}`);
}

async function textOf(file: string): Promise<string> {
  try {
    return file === '-' ? await textOfStream(process.stdin) : readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${oneLine(messageOf(error))}`);
  }
}

// ---- The answer as text -------------------------------------------------------------------------

/** What a terminal of so many columns shows. */
export function describe(
  name: string,
  history: readonly HistoryOperation[],
  result: Linearizability,
  steps: number,
  columns: number,
): string {
  const keys = new Set(history.map(({ key }) => key)).size;
  const clients = new Set(history.map(({ client }) => client)).size;
  const counts = [
    counted(history.length, 'operation'),
    counted(keys, 'key'),
    counted(clients, 'client'),
  ].join(', ');
  if (result.verdict === 'ok') return `${name}: ${counts}: linearizable`;
  const verdict = result.verdict === 'illegal' ? 'not linearizable' : 'not known';
  return [
    `${name}: ${counts}: ${verdict}`,
    ...(result.verdict === 'unknown' ? ['', ...budgetLines(result.key, steps)] : []),
    '',
    ...drawing(history, result, columns),
  ].join('\n');
}

function budgetLines(key: string, steps: number): string[] {
  return [
    `The search on key ${shortened(JSON.stringify(key), WORDS_MAX)} was given up after`,
    `${grouped(steps)} steps: no order was found, nor is there proof that none exists.`,
    `To search on: --steps ${grouped(steps * 10).replaceAll(',', '')}`,
  ];
}

type Told = Extract<Linearizability, { verdict: 'illegal' | 'unknown' }>;

function drawing(history: readonly HistoryOperation[], result: Told, columns: number): string[] {
  const { key, longest, stuck, window } = result;
  const all = history.filter((operation) => operation.key === key).length;
  const first = history.reduce(
    (least, { call }) => Math.min(least, call),
    Number.POSITIVE_INFINITY,
  );
  const after = (ns: number): string => duration(ns - first);
  const placed = longest.slice(-SHOWN_PLACED);
  const waiting = stuck.slice(0, SHOWN_STUCK);
  const lines = laneLines([...placed, ...waiting], columns);
  const holds = stateAfter(longest);
  const lead =
    longest.length === 0
      ? ['nothing can come first']
      : [
          `${grouped(longest.length)} can be put in an order` +
            (longest.length > placed.length ? `; the last ${placed.length} of them:` : ':'),
        ];
  return [
    `Key ${shortened(JSON.stringify(key), WORDS_MAX)}, ${counted(all, 'operation')}, of which`,
    ...lead,
    '',
    ...lines.slice(0, placed.length),
    '',
    `Now the key ${holds === null ? 'is absent' : `holds ${shortened(holds, WORDS_MAX)}`}.`,
    'One of these must come next, and none can:',
    '',
    ...lines.slice(placed.length),
    ...(stuck.length > waiting.length ? [`… and ${stuck.length - waiting.length} more`] : []),
    '',
    `They run from ${after(window.fromNs)} to ${after(window.toNs)} after the first call.`,
  ];
}

/** A line for each: who, what, and a bar from call to return, on one scale for all. */
function laneLines(operations: readonly HistoryOperation[], columns: number): string[] {
  const clients = operations.map(({ client }) => `C${client}`);
  const words = operations.map((operation) => shortened(wordsOf(operation), WORDS_MAX));
  const clientWidth = Math.max(...clients.map((text) => text.length));
  const wordsWidth = Math.max(...words.map((text) => text.length));
  const width = Math.max(8, columns - clientWidth - wordsWidth - 5);
  const from = Math.min(...operations.map(({ call }) => call));
  const ends = operations.map((operation) => endOf(operation) ?? operation.call);
  const to = Math.max(...ends, from + 1);
  const column = (time: number): number => Math.round(((time - from) / (to - from)) * (width - 1));
  return operations.map((operation, i) => {
    const end = endOf(operation);
    const start = column(operation.call);
    const stop = end === null ? width - 1 : column(end);
    const bar =
      start === stop && end !== null
        ? '|'
        : `|${'-'.repeat(Math.max(0, stop - start - 1))}${end === null ? '?' : '|'}`;
    const client = (clients[i] ?? '').padEnd(clientWidth);
    const asked = (words[i] ?? '').padEnd(wordsWidth);
    return `  ${client}  ${asked} ${' '.repeat(start)}${bar}`;
  });
}

function endOf({ outcome, return: returned }: HistoryOperation): number | null {
  return outcome === 'ok' ? returned : null;
}

/** For example `cas 1 to 2 -> mismatch 3`. */
function wordsOf({ op, value, expected, outcome, result }: HistoryOperation): string {
  const asked =
    op === 'get' || op === 'delete'
      ? op
      : op === 'cas'
        ? `cas ${valueText(expected)} to ${valueText(value)}`
        : `${op} ${valueText(value)}`;
  if (outcome !== 'ok') return `${asked} -> ?`;
  const { status, value: found } = result ?? {};
  const told = found === undefined ? [] : [valueText(found)];
  const known = status === undefined || (status === 'ok' && op === 'get') ? [] : [status];
  const answer = [...known, ...(status === 'notFound' ? [] : told)].join(' ');
  return answer === '' ? asked : `${asked} -> ${answer}`;
}

function valueText(value: Json | undefined): string {
  return value === undefined || value === null ? 'absent' : canonicalText(value);
}

/** What the key holds in the end; `null` is absent. */
function stateAfter(operations: readonly HistoryOperation[]): string | null {
  const text = (json: Json | undefined): string | null =>
    json === undefined || json === null ? null : canonicalText(json);
  let state: string | null = null;
  for (const { op, value, expected } of operations) {
    state = executeOn(state, op, text(value), text(expected)).after;
  }
  return state;
}

function counted(count: number, what: string): string {
  return `${grouped(count)} ${what}${count === 1 ? '' : 's'}`;
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

function duration(ns: number): string {
  return ns < NS_SHOWN_MAX ? `${ns} ns` : `${(ns / NS_PER_MS).toFixed(3)} ms`;
}

function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

if (import.meta.main) {
  const { stderr } = standardOutput();
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      if (error.exitCode !== 0) {
        stderr.write(`${oneLine(error.message).replace(/^error: /, '')}; see --help\n`);
      }
    } else if (error instanceof UserError || error instanceof NotWritten) {
      stderr.write(`${error.message}\n`);
      process.exitCode = error instanceof UserError ? 2 : 1;
    } else throw error;
  }
}
