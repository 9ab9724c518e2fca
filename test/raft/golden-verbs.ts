/** The verbs of golden scripts; golden.ts says what each does. */
import { describeMessage } from '../../src/raft/describe.ts';
import type { ReadMode } from '../../src/raft/types.ts';
import { auditApplied, createAudit } from './audit.ts';
import { createDisk } from './disk.ts';
import { decodeCommand, encodeCommand, entriesOf, simple } from './fixture.ts';
import { diskLine, logTable, stateLines, timeoutLine } from './golden-print.ts';
import {
  type Arguments,
  chosen,
  first,
  meant,
  microseconds,
  names,
  running,
  type Stage,
  settingsFrom,
} from './golden-stage.ts';
import { type LineKind, reportPersists, reportSnapshots } from './host.ts';
import {
  addBlank,
  addServer,
  advance,
  crash,
  createNetwork,
  deliver,
  fireTimer,
  give,
  isolate,
  setClock,
  stabilize,
  start,
  takeFromFlight,
  wipe,
} from './network.ts';

type Verb = (stage: Stage, given: Arguments) => void;
type Verbs = Readonly<Record<string, Verb>>;

const SERVERS: Verbs = {
  cluster: (stage, { words, options }) => {
    const trace = (line: string, kind: LineKind): void => {
      if (!stage.quiet || kind === 'role' || kind === 'answer') stage.lines.push(line);
    };
    const audit = createAudit();
    stage.audit = audit;
    stage.delayed = [];
    stage.network = createNetwork({
      seed: Number(options.get('seed') ?? 1),
      settings: settingsFrom(options),
      configuration: simple(...words),
      imageBytes: Number(options.get('image') ?? 25),
      observer: { trace, onApplied: (server, entry) => auditApplied(audit, server, entry) },
    });
  },
  server: (stage, { words, options }) => {
    const terms = names(options, 'terms').map(Number);
    const term = Number(options.get('term') ?? terms.at(-1) ?? 0);
    const disk = createDisk(term, options.get('vote') ?? null, entriesOf(terms));
    addServer(running(stage), first(words), disk);
  },
  blank: (stage, { words }) => {
    for (const id of words) addBlank(running(stage), id);
  },
  crash: (stage, { words }) => crash(meant(stage, words)),
  restart: (stage, { words }) => start(running(stage), meant(stage, words)),
  wipe: (stage, { words }) => {
    const { id } = wipe(running(stage), meant(stage, words));
    stage.lines.push(`it is ${id} now`);
  },
  disk: (stage, { words }) => disk(stage, words),
  clock: (stage, { words: [id, ppm] }) => {
    setClock(running(stage), meant(stage, [id ?? '']), Number(ppm));
  },
};

const REQUESTS: Verbs = {
  propose: (stage, { words }) => {
    for (const text of words.slice(1)) {
      const command = encodeCommand(text);
      const id = stage.nextRequestId++;
      give(running(stage), meant(stage, words), { kind: 'propose', id, command });
    }
  },
  read: (stage, { words, options }) => {
    const id = Number(options.get('id') ?? stage.nextRequestId++);
    const mode = (words[1] ?? 'readIndex') as ReadMode;
    give(running(stage), meant(stage, words), { kind: 'read', id, mode });
  },
  configure: (stage, { words, options }) => {
    const membership = { voters: names(options, 'voters'), learners: names(options, 'learners') };
    const id = stage.nextRequestId++;
    const catchUp = options.get('catchUp') !== 'off';
    const input = { kind: 'configure', id, membership, catchUp } as const;
    give(running(stage), meant(stage, words), input);
  },
  transfer: (stage, { words }) => {
    const id = stage.nextRequestId++;
    give(running(stage), meant(stage, words), { kind: 'transfer', id, to: words[1] ?? '' });
  },
  snapshot: (stage, { words }) => snapshot(stage, words),
};

const TIME_AND_MESSAGES: Verbs = {
  campaign: (stage, { words }) => {
    const server = meant(stage, words);
    if (server.state?.role.kind === 'leader') throw new Error(`${server.id} leads already`);
    fireTimer(running(stage), server);
  },
  heartbeat: (stage, { words }) => {
    const server = meant(stage, words);
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
    for (const message of chosen(running(stage).flight, words)) deliver(running(stage), message);
  },
  drop: (stage, { words }) => {
    for (const message of chosen(running(stage).flight, words)) {
      takeFromFlight(running(stage), message);
      if (!stage.quiet) stage.lines.push(`lost ${describeMessage(message, decodeCommand)}`);
    }
  },
  delay: (stage, { words }) => {
    for (const message of chosen(running(stage).flight, words)) {
      takeFromFlight(running(stage), message);
      stage.delayed.push(message);
    }
  },
  arrive: (stage, { words }) => {
    for (const message of chosen(stage.delayed, words)) {
      stage.delayed.splice(stage.delayed.indexOf(message), 1);
      running(stage).flight.push(message);
      deliver(running(stage), message);
    }
  },
  duplicate: (stage, { words }) => {
    for (const message of chosen(running(stage).flight, words))
      running(stage).flight.push({ ...message });
  },
  cut: (stage, { words }) => {
    for (const link of words) running(stage).cuts.add(link);
  },
  isolate: (stage, { words }) => {
    for (const id of words) isolate(running(stage), id);
  },
  heal: (stage) => running(stage).cuts.clear(),
};

const QUESTIONS: Verbs = {
  state: (stage, { words }) => {
    const asked = words.length > 0 ? words : [...running(stage).servers.keys()];
    for (const name of asked) {
      const { id, state } = meant(stage, [name]);
      stage.lines.push(...(state === null ? [`${id} is down`] : stateLines(state)));
    }
  },
  round: (stage, { words }) => {
    for (const name of words) {
      const { id, state } = meant(stage, [name]);
      if (state !== null) stage.lines.push(timeoutLine(id, state));
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

export const VERBS: Verbs = { ...SERVERS, ...REQUESTS, ...TIME_AND_MESSAGES, ...QUESTIONS };

function disk(stage: Stage, words: readonly string[]): void {
  const [, action, count] = words;
  const network = running(stage);
  const server = meant(stage, words);
  const { queue } = server.disk;
  if (action === 'hold') server.disk.held = true;
  else if (action === 'report') reportPersists(network, server, Number(count ?? queue.length));
  else if (action === 'release') {
    reportPersists(network, server, queue.length);
    server.disk.held = false;
  } else if (action === undefined) stage.lines.push(diskLine(server));
  else throw new Error(`disk: expected hold, report or release, got ${action}`);
}

function snapshot(stage: Stage, words: readonly string[]): void {
  const [, action, count] = words;
  const network = running(stage);
  const server = meant(stage, words);
  const { snapshotQueue } = server.disk;
  if (action === 'hold') server.disk.snapshotsHeld = true;
  else if (action === 'report') {
    reportSnapshots(network, server, Number(count ?? snapshotQueue.length));
  } else if (action === 'release') {
    reportSnapshots(network, server, snapshotQueue.length);
    server.disk.snapshotsHeld = false;
  } else if (action === undefined) give(network, server, { kind: 'snapshotNow' });
  else throw new Error(`snapshot: expected hold, report or release, got ${action}`);
}
