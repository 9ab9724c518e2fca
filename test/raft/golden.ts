/**
 * Golden interaction scripts: commands to a small cluster and, below a line `----`, what came of
 * them.
 *
 *     npm run golden                    rewrites every transcript in place: the diff is the review
 *     node test/raft/golden.ts [name …] compares, prints the differences, exits 1 if there are any
 *
 * A script is made of blocks parted by blank lines: comments (`#`), commands, `----`, transcript.
 *
 *   cluster n1 n2 n3 [preVote=off checkQuorum=off stickiness=off parallelDisk=off window=2 batch=3
 *                     election=150-300 heartbeat=50 seed=1]        times in ms
 *   server n1 term=3 vote=n2 terms=1,1,3    starts it again from such a disk; a term per log entry
 *   campaign n1        moves the clock to the server's deadline and fires its timer, no other's
 *   heartbeat n1       the same, for a leader
 *   tick 50ms          lets time pass: timers fire, nothing is delivered
 *   run 500ms          lets time pass and delivers everything at once
 *   stabilize          delivers until nothing is in flight; no time passes
 *   deliver n1->n2 [kind] [first|last]    also n1->* and *->n2; all, unless told
 *   drop n1->n2 [kind] [first|last]         loses them
 *   duplicate n1->n2 [kind] [first|last]    puts copies at the end of the flight
 *   propose n1 x y     two commands        read n1            a ReadIndex read
 *   disk n1 hold       until `disk n1 report [count]` or `disk n1 release` nothing is durable
 *   crash n1           what was not reported durable is lost        restart n1
 *   cut n1->n2         isolate n1        heal            messages in flight stay in flight
 *   state [n1 …]       log        flight        disk n1
 *   quiet <command>    prints changes of role and answers only
 *
 * Every server's invariants and figure 3.2's properties are checked after every command.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describeMessage, describeState } from '../../src/raft/describe.ts';
import { lastIndex } from '../../src/raft/log.ts';
import type { Message, Progress, RaftState, Settings } from '../../src/raft/types.ts';
import { type Audit, auditNetwork, createAudit } from './audit.ts';
import { decodeCommand, encodeCommand, entriesOf, SETTINGS, simple } from './fixture.ts';
import {
  addServer,
  advance,
  crash,
  createNetwork,
  deliver,
  fireTimer,
  give,
  isolate,
  type LineKind,
  type Network,
  reportPersists,
  serverOf,
  stabilize,
  start,
  takeFromFlight,
} from './network.ts';

const FOLDER = new URL('.', import.meta.url);

/** One script being played. */
type Stage = {
  network: Network | null;
  audit: Audit;
  nextRequestId: number;
  quiet: boolean;
  lines: string[];
};

type Arguments = {
  readonly words: readonly string[];
  readonly options: ReadonlyMap<string, string>;
};

type Verb = (stage: Stage, given: Arguments) => void;

const VERBS: Readonly<Record<string, Verb>> = {
  cluster: (stage, { words, options }) => {
    const trace = (line: string, kind: LineKind): void => {
      if (!stage.quiet || kind === 'role' || kind === 'answer') stage.lines.push(line);
    };
    const seed = Number(options.get('seed') ?? 1);
    const settings = settingsFrom(options);
    stage.network = createNetwork({ seed, settings, configuration: simple(...words), trace });
    stage.audit = createAudit();
  },
  server: (stage, { words, options }) => {
    const text = options.get('terms') ?? '';
    const terms = text === '' ? [] : text.split(',').map(Number);
    const term = Number(options.get('term') ?? terms.at(-1) ?? 0);
    addServer(running(stage), first(words), term, options.get('vote') ?? null, entriesOf(terms));
  },
  campaign: (stage, { words }) => {
    const server = serverOf(running(stage), first(words));
    if (server.state?.role.kind === 'leader') throw new Error(`${server.id} leads already`);
    fireTimer(running(stage), server);
  },
  heartbeat: (stage, { words }) => {
    const server = serverOf(running(stage), first(words));
    if (server.state?.role.kind !== 'leader') throw new Error(`${server.id} does not lead`);
    fireTimer(running(stage), server);
  },
  tick: (stage, { words }) => advance(running(stage), microseconds(first(words))),
  run: (stage, { words }) => {
    const network = running(stage);
    stabilize(network);
    advance(network, microseconds(first(words)), () => stabilize(network));
  },
  stabilize: (stage) => stabilize(running(stage)),
  deliver: (stage, { words }) => {
    for (const message of chosen(stage, words)) deliver(running(stage), message);
  },
  drop: (stage, { words }) => {
    for (const message of chosen(stage, words)) {
      takeFromFlight(running(stage), message);
      if (!stage.quiet) stage.lines.push(`lost ${describeMessage(message, decodeCommand)}`);
    }
  },
  duplicate: (stage, { words }) => {
    for (const message of chosen(stage, words)) running(stage).flight.push({ ...message });
  },
  propose: (stage, { words }) => {
    const [id, ...commands] = words;
    const server = serverOf(running(stage), id ?? '');
    for (const text of commands) {
      const command = encodeCommand(text);
      give(running(stage), server, { kind: 'propose', id: stage.nextRequestId++, command });
    }
  },
  read: (stage, { words }) => {
    const server = serverOf(running(stage), first(words));
    const id = stage.nextRequestId++;
    give(running(stage), server, { kind: 'read', id, mode: 'readIndex' });
  },
  disk: (stage, { words }) => disk(stage, words),
  crash: (stage, { words }) => crash(serverOf(running(stage), first(words))),
  restart: (stage, { words }) => start(running(stage), serverOf(running(stage), first(words))),
  cut: (stage, { words }) => {
    for (const link of words) running(stage).cuts.add(link);
  },
  isolate: (stage, { words }) => {
    for (const id of words) isolate(running(stage), id);
  },
  heal: (stage) => running(stage).cuts.clear(),
  state: (stage, { words }) => {
    const { servers } = running(stage);
    for (const id of words.length > 0 ? words : servers.keys()) {
      const { state } = serverOf(running(stage), id);
      stage.lines.push(...(state === null ? [`${id} is down`] : stateLines(state)));
    }
  },
  log: (stage) => {
    stage.lines.push(...logTable(running(stage)));
  },
  flight: (stage) => {
    for (const message of running(stage).flight) {
      stage.lines.push(describeMessage(message, decodeCommand));
    }
  },
};

function settingsFrom(options: ReadonlyMap<string, string>): Settings {
  const on = (name: string): boolean => options.get(name) !== 'off';
  const [low, high] = (options.get('election') ?? '150-300').split('-').map(Number);
  return {
    ...SETTINGS,
    electionTimeoutMs: [low ?? 150, high ?? 300],
    heartbeatMs: Number(options.get('heartbeat') ?? SETTINGS.heartbeatMs),
    preVote: on('preVote'),
    checkQuorum: on('checkQuorum'),
    leaderStickiness: on('stickiness'),
    parallelDiskWrite: on('parallelDisk'),
    windowMessages: Number(options.get('window') ?? SETTINGS.windowMessages),
    batchEntries: Number(options.get('batch') ?? SETTINGS.batchEntries),
  };
}

function disk(stage: Stage, [id, action, count]: readonly string[]): void {
  const network = running(stage);
  const server = serverOf(network, id ?? '');
  const { queue, entries, currentTerm, votedFor } = server.disk;
  if (action === 'hold') server.disk.held = true;
  else if (action === 'report') reportPersists(network, server, Number(count ?? queue.length));
  else if (action === 'release') {
    reportPersists(network, server, queue.length);
    server.disk.held = false;
  } else if (action === undefined) {
    const row = entries.map((entry) => `${entry.index}/${entry.term}`).join(' ');
    stage.lines.push(
      `${server.id} disk term=${currentTerm} vote=${votedFor ?? 'none'} log=[${row}]` +
        ` unreported=${queue.length}`,
    );
  } else throw new Error(`disk: expected hold, report or release, got ${action}`);
}

/** `n1->* AppendEntries first`: the messages in flight that are meant; there must be some. */
function chosen(stage: Stage, [link, ...filters]: readonly string[]): Message[] {
  const [from, to] = (link ?? '').split('->');
  const place = filters.find((filter) => filter === 'first' || filter === 'last');
  const kind = filters.find((filter) => filter !== place);
  const meant = running(stage).flight.filter(
    (message) =>
      (from === '*' || message.from === from) &&
      (to === '*' || message.to === to) &&
      (kind === undefined || message.kind === kind),
  );
  if (meant.length === 0) throw new Error(`nothing in flight for ${link} ${filters.join(' ')}`);
  if (place === 'first') return meant.slice(0, 1);
  return place === 'last' ? meant.slice(-1) : meant;
}

function stateLines(state: RaftState): string[] {
  const lines = [describeState(state)];
  if (state.role.kind === 'leader') lines.push(...state.role.progress.map(progressLine));
  return lines;
}

function progressLine(progress: Progress): string {
  const { id, state, matchIndex, nextIndex, inflight } = progress;
  return `  ${id} ${state} match=${matchIndex} next=${nextIndex} inflight=[${inflight.join(' ')}]`;
}

/** The terms of all logs side by side, as in figure 3.6. */
function logTable(network: Network): string[] {
  const states = [...network.servers.values()].map((server) => server.state);
  const length = Math.max(...states.map((state) => (state ? lastIndex(state.persistent.log) : 0)));
  const cell = (value: number): string => String(value).padStart(3);
  const indexes = Array.from({ length }, (_, i) => cell(i + 1)).join('');
  const rows = [...network.servers.values()].map(({ id, state }) => {
    if (state === null) return `${id.padEnd(7)}is down`;
    const { entries } = state.persistent.log;
    const terms = entries.map((entry) => cell(entry.term)).join('');
    return `${id.padEnd(7)}${terms.padEnd(length * 3)}   commit=${state.volatile.commitIndex}`;
  });
  return [`index  ${indexes}`.trimEnd(), ...rows];
}

function running(stage: Stage): Network {
  if (stage.network === null) throw new Error('a script begins with `cluster`');
  return stage.network;
}

function first(words: readonly string[]): string {
  const [word] = words;
  if (word === undefined) throw new Error('an argument is missing');
  return word;
}

function microseconds(text: string): number {
  const found = /^(\d+)ms$/.exec(text);
  if (found === null) throw new Error(`expected a time such as 50ms, got ${text}`);
  return Number(found[1]) * 1000;
}

function perform(stage: Stage, command: string): void {
  const parts = command.split(/\s+/);
  stage.quiet = parts[0] === 'quiet';
  const [name, ...rest] = stage.quiet ? parts.slice(1) : parts;
  const verb = VERBS[name ?? ''];
  if (verb === undefined) throw new Error(`no such command: ${name}`);
  const options = new Map(
    rest.filter((part) => part.includes('=')).map((part) => part.split('=') as [string, string]),
  );
  verb(stage, { words: rest.filter((part) => !part.includes('=')), options });
  if (stage.network !== null) auditNetwork(stage.audit, stage.network);
}

/** Plays a script; what comes back is the script with the transcript as it came out this time. */
export function play(name: string, script: string): string {
  const stage: Stage = {
    network: null,
    audit: createAudit(),
    nextRequestId: 1,
    quiet: false,
    lines: [],
  };
  const blocks = script.trimEnd().split(/\n\n+/);
  return `${blocks.map((block) => playBlock(stage, name, block)).join('\n\n')}\n`;
}

function playBlock(stage: Stage, name: string, block: string): string {
  const [asked = ''] = block.split(/^----$/m);
  const lines = asked.trimEnd().split('\n');
  stage.lines = [];
  let commands = 0;
  for (const line of lines) {
    if (line.startsWith('#')) continue;
    commands++;
    try {
      perform(stage, line);
    } catch (error) {
      if (error instanceof Error) {
        error.message = `${name}: ${line}: ${error.message}\n${stage.lines.join('\n')}`;
      }
      throw error;
    }
  }
  if (commands === 0) return lines.join('\n');
  return [...lines, '----', ...(stage.lines.length > 0 ? stage.lines : ['ok'])].join('\n');
}

export function scriptNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.txt'))
    .sort();
}

export function readScript(name: string): string {
  return readFileSync(new URL(name, FOLDER), 'utf8');
}

/** The first lines in which the two differ, with what leads up to them. */
function firstDifference(expected: string, actual: string): string {
  const wanted = expected.split('\n');
  const got = actual.split('\n');
  const at = wanted.findIndex((line, i) => line !== got[i]);
  const from = at < 0 ? wanted.length : at;
  return [
    ...wanted.slice(Math.max(0, from - 3), from).map((line) => `  ${line}`),
    ...wanted.slice(from, from + 5).map((line) => `- ${line}`),
    ...got.slice(from, from + 5).map((line) => `+ ${line}`),
  ].join('\n');
}

/** Null, and the reason on the terminal, where a command cannot be carried out. */
function tryToPlay(name: string, script: string): string | null {
  try {
    return play(name, script);
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
    return null;
  }
}

function main(flags: readonly string[]): void {
  const rewrite = flags.includes('--rewrite');
  const asked = flags.filter((flag) => flag !== '--rewrite');
  let different = 0;
  for (const name of scriptNames()) {
    if (asked.length > 0 && !asked.includes(name) && !asked.includes(`${name}.txt`)) continue;
    const script = readScript(name);
    const played = tryToPlay(name, script);
    if (played === script) continue;
    if (played === null) process.exitCode = 1;
    if (played === null) continue;
    different++;
    if (rewrite) writeFileSync(new URL(name, FOLDER), played);
    console.log(`${rewrite ? 'rewritten' : 'differs'}: test/raft/${name}`);
    if (!rewrite) console.log(firstDifference(script, played));
  }
  if (!rewrite && different > 0) process.exitCode = 1;
}

if (import.meta.main) main(process.argv.slice(2));
