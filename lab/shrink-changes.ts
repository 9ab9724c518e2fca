/**
 * The ways to make a schedule smaller or simpler. Each gives a schedule that is valid if the one it
 * was given is; whether that still fails is for lab/shrink.ts to find out.
 */
import { SESSION_BOUNDS } from '../src/kv.ts';
import type { Settings } from '../src/raft/types.ts';
import { checkLinkSettings, type LinkSettings, PERFECT } from '../src/transport/link.ts';
import type { Fault, FaultAction, Target } from './faults.ts';
import {
  type ClockSettings,
  nodeIds,
  type Schedule,
  type ScheduledOperation,
  serverIds,
} from './schedule.ts';
import type { Violation } from './verdict.ts';

/** `null` where there is nothing to change. A change can be made only so often. */
export type Change = (schedule: Schedule) => Schedule | null;

/** A list somewhere in a schedule, to take items out of; `null` where these cannot go. */
export type List<T> = {
  read(schedule: Schedule): readonly T[];
  write(schedule: Schedule, items: readonly T[]): Schedule | null;
};

// ---- Lists --------------------------------------------------------------------------------------

export const FAULTS: List<FaultAction> = {
  read: ({ faults }) => faults,
  write: (schedule, faults) => ({ ...schedule, faults }),
};

export const OPERATIONS: List<ScheduledOperation> = {
  read: ({ operations }) => operations,
  write: (schedule, operations) => ({ ...schedule, operations }),
};

/** The links that the i-th fault cuts. */
export function linksOf(i: number): List<readonly [Target, Target]> {
  return partOf(i, {
    read: (fault) => (fault.kind === 'cut' ? fault.links : []),
    write: (fault, links) => (fault.kind === 'cut' ? { ...fault, links } : null),
  });
}

/** The groups of the i-th fault if it is a partition. */
export function groupsOf(i: number): List<readonly Target[]> {
  return partOf(i, {
    read: (fault) => (fault.kind === 'partition' ? fault.groups : []),
    write: (fault, groups) => (fault.kind === 'partition' ? { ...fault, groups } : null),
  });
}

/** Who is to belong to the cluster if the i-th fault says so. */
export function votersOf(i: number): List<string> {
  return partOf(i, {
    read: (fault) => (fault.kind === 'configure' ? fault.voters : []),
    write: (fault, voters) => (fault.kind === 'configure' ? { ...fault, voters } : null),
  });
}

/** The settings of links that the i-th fault changes. */
export function settingsOf(i: number): List<readonly [string, unknown]> {
  return partOf(i, {
    read: (fault) => (fault.kind === 'link' ? Object.entries(fault.settings) : []),
    write: (fault, entries, { link }) => {
      const settings: Partial<LinkSettings> = Object.fromEntries(entries);
      if (fault.kind !== 'link' || checkLinkSettings({ ...link, ...settings }) !== null)
        return null;
      return { ...fault, settings };
    },
  });
}

/** A list within a fault as a list within the schedule. Without its last item the fault is none. */
function partOf<T>(
  i: number,
  part: {
    read(fault: Fault): readonly T[];
    write(fault: Fault, items: readonly T[], schedule: Schedule): Fault | null;
  },
): List<T> {
  return {
    read: ({ faults }) => {
      const action = faults[i];
      return action === undefined ? [] : part.read(action.fault);
    },
    write: (schedule, items) => {
      const action = schedule.faults[i];
      if (action === undefined || items.length === 0) return null;
      const fault = part.write(action.fault, items, schedule);
      return fault === null ? null : withFault(schedule, i, { ...action, fault });
    },
  };
}

function withFault(schedule: Schedule, i: number, action: FaultAction): Schedule {
  return { ...schedule, faults: schedule.faults.with(i, action) };
}

// ---- Time ---------------------------------------------------------------------------------------

/** Long enough for another course of events to come to the same end. */
const SLACK_MS = 1000;
const SHORT_MS = 100;

/**
 * Takes out what comes after the violation, and most of the time after it. A violation of the
 * second phase needs the whole first one.
 */
export function endSoonAfterViolation({ atMs }: Violation): Change {
  return (schedule) => endAt(schedule, atMs, Math.ceil(atMs + SLACK_MS));
}

/** As `endSoonAfterViolation`, without any time after it. */
export function endAtViolation({ atMs }: Violation): Change {
  return (schedule) => endAt(schedule, atMs, Math.ceil(atMs));
}

/**
 * Ends the first phase earlier. Up to there the run stays as it was, so what was broken by then
 * still is, though it may have been found only at the end.
 */
export const EARLIER: readonly Change[] = [0.5, 0.75, 0.9].map((share) => (schedule) => {
  const endMs = Math.floor(schedule.durationMs * share);
  return endMs < SHORT_MS ? null : endAt(schedule, endMs, endMs);
});

function endAt(schedule: Schedule, lastMs: number, endMs: number): Schedule | null {
  const faults = schedule.faults.filter(({ atMs }) => atMs <= lastMs);
  const operations = schedule.operations.filter(({ atMs }) => atMs <= lastMs);
  const durationMs = Math.min(schedule.durationMs, endMs);
  const same =
    durationMs === schedule.durationMs &&
    faults.length === schedule.faults.length &&
    operations.length === schedule.operations.length;
  return same ? null : { ...schedule, durationMs, faults, operations };
}

/** Halves how long the i-th fault lasts. */
export function shorterFault(i: number): Change {
  return (schedule) => {
    const action = schedule.faults[i];
    if (action?.forMs === undefined || action.forMs < 2) return null;
    return withFault(schedule, i, { ...action, forMs: Math.floor(action.forMs / 2) });
  };
}

export const SHORTER: readonly Change[] = [endWithLastAction, halveTimes, wholeMilliseconds];

function endWithLastAction(schedule: Schedule): Schedule | null {
  const ends = [
    ...schedule.faults.map(({ atMs, forMs = 0 }) => atMs + forMs),
    ...schedule.operations.map(({ atMs }) => atMs),
  ];
  const durationMs = Math.ceil(Math.max(0, ...ends)) + SHORT_MS;
  return durationMs < schedule.durationMs ? { ...schedule, durationMs } : null;
}

function halveTimes(schedule: Schedule): Schedule | null {
  if (schedule.durationMs <= SHORT_MS) return null;
  return withTimes(schedule, (ms) => Math.floor(ms / 2));
}

/** Easier to read. */
function wholeMilliseconds(schedule: Schedule): Schedule | null {
  const { faults, operations, durationMs } = schedule;
  const times = [...faults, ...operations].map(({ atMs }) => atMs);
  if ([durationMs, ...times].every(Number.isInteger)) return null;
  return withTimes(schedule, Math.floor);
}

/** All moments of the first phase changed alike, so that their order stays. */
function withTimes(schedule: Schedule, change: (ms: number) => number): Schedule {
  const changed = <T extends { readonly atMs: number }>(action: T): T => ({
    ...action,
    atMs: change(action.atMs),
  });
  return {
    ...schedule,
    durationMs: change(schedule.durationMs),
    faults: schedule.faults.map(changed),
    operations: schedule.operations.map(changed),
  };
}

// ---- Settings -----------------------------------------------------------------------------------

type Settled = 'link' | 'clientLink' | 'disk';

/** With a delay: an exchange of messages that does not end would otherwise take no time. */
const CALM_LINK: LinkSettings = { ...PERFECT, delayMs: 1 };
const CALM: Pick<Schedule, Settled> = {
  link: CALM_LINK,
  clientLink: CALM_LINK,
  disk: { latencyMs: [0, 0], torn: 0, late: 0 },
};
const EXACT_CLOCK: ClockSettings = { offsetMs: 0, driftPpm: 0 };

/** Links, disks and clocks without faults of their own, each as a whole. */
export const CALMER: readonly Change[] = [
  calmed('link'),
  calmed('clientLink'),
  calmed('disk'),
  exactClocks,
];

const MIB = 1024 * 1024;

/** Each feature of the protocol left out, and limits that are never met. */
const PLAIN_SETTINGS: readonly Partial<Settings>[] = [
  { snapshotEntries: Number.MAX_SAFE_INTEGER, snapshotBytes: Number.MAX_SAFE_INTEGER },
  { clockDriftPpm: null },
  { adaptiveTimeout: null },
  { windowBytes: 16 * MIB },
  { uncommittedBytes: 64 * MIB },
];

/** The same field by field, for where some of them are needed. */
export const PLAINER: readonly Change[] = [
  ...calmedFields('link'),
  ...calmedFields('clientLink'),
  ...calmedFields('disk'),
  (schedule) => (schedule.batchCommands === 1 ? null : { ...schedule, batchCommands: 1 }),
  ...PLAIN_SETTINGS.map(settled),
  roomForAllSessions,
  unregistered,
  withoutOptional('sizes'),
  withoutOptional('asBytes'),
  withoutOptional('firstTerm'),
  withoutOptional('disk', 'readMs'),
  withoutOptional('clients', 'once'),
  withoutOptional('clients', 'firstRequestNumber'),
  readAlike,
];

function calmed(name: Settled): Change {
  const calm = CALM[name];
  return (schedule) => (same(schedule[name], calm) ? null : { ...schedule, [name]: calm });
}

function calmedFields(name: Settled): Change[] {
  const calm = CALM[name];
  return Object.entries(calm).map(([field, value]) => (schedule) => {
    const settings = schedule[name];
    if (same(settings[field as keyof typeof settings], value)) return null;
    return { ...schedule, [name]: { ...settings, [field]: value } };
  });
}

function exactClocks(schedule: Schedule): Schedule | null {
  const clocks = schedule.clocks.map(() => EXACT_CLOCK);
  return same(clocks, schedule.clocks) ? null : { ...schedule, clocks };
}

function settled(plain: Partial<Settings>): Change {
  return (schedule) => {
    const settings = { ...schedule.settings, ...plain };
    return same(settings, schedule.settings) ? null : { ...schedule, settings };
  };
}

function roomForAllSessions(schedule: Schedule): Schedule | null {
  const { clients } = schedule;
  const { sessionsMax } = SESSION_BOUNDS;
  if (clients.sessionsMax >= sessionsMax) return null;
  return { ...schedule, clients: { ...clients, sessionsMax } };
}

function unregistered(schedule: Schedule): Schedule | null {
  const { clients } = schedule;
  return clients.registered ? { ...schedule, clients: { ...clients, registered: false } } : null;
}

/** What may be left out, one by one. */
function withoutOptional(...path: readonly string[]): Change {
  return (schedule) => {
    const copy = structuredClone(schedule) as unknown as Record<string, unknown>;
    const [field = ''] = path.slice(-1);
    let at: Record<string, unknown> = copy;
    for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>;
    if (!Object.hasOwn(at, field)) return null;
    delete at[field];
    return copy as unknown as Schedule;
  };
}

/** All gets as clients make them who say nothing. */
function readAlike(schedule: Schedule): Schedule | null {
  if (schedule.operations.every(({ read }) => read === undefined)) return null;
  const operations = schedule.operations.map(({ read, ...operation }) => operation);
  return { ...schedule, operations };
}

/** Plain data in the order of its fields. */
function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

// ---- Nodes and clients --------------------------------------------------------------------------

/** Leaves out each node and spare once, the last one first; those behind it move up. */
export function fewerNodes({ nodes, spares }: Schedule): Change[] {
  const servers = nodes + spares;
  return Array.from(
    { length: servers },
    (_, i) => (schedule) => withoutNode(schedule, servers - i),
  );
}

/** Leaves out a client with its operations, or has client 0 do them. */
export function fewerClients({ clients }: Schedule): Change[] {
  const numbers = Array.from({ length: clients.count }, (_, i) => clients.count - 1 - i);
  return [
    ...numbers.map(
      (client): Change =>
        (schedule) =>
          withoutClient(schedule, client),
    ),
    ...numbers.map(
      (client): Change =>
        (schedule) =>
          joinedToFirst(schedule, client),
    ),
  ];
}

function withoutNode(schedule: Schedule, number: number): Schedule | null {
  const isSpare = number > schedule.nodes;
  const nodes = schedule.nodes - (isSpare ? 0 : 1);
  const spares = schedule.spares - (isSpare ? 1 : 0);
  if (nodes < 1 || spares < 0 || number > schedule.nodes + schedule.spares) return null;
  const renamed = (name: Target): Target | null => {
    const at = /^n(\d+)$/.test(name) ? Number(name.slice(1)) : 0;
    if (at === number) return null;
    return at > number ? `n${at - 1}` : name;
  };
  const core = new Set(schedule.recovery.core.map(renamed));
  core.delete(null);
  for (const name of nodeIds(nodes)) {
    if (core.size <= nodes / 2) core.add(name);
  }
  return {
    ...schedule,
    nodes,
    spares,
    clocks: schedule.clocks.filter((_, i) => i !== number - 1),
    faults: schedule.faults.flatMap((action) => withoutTarget(action, renamed, nodes + spares)),
    recovery: {
      ...schedule.recovery,
      core: serverIds({ nodes, spares }).filter((name) => core.has(name)),
    },
  };
}

type Rename = (name: Target) => Target | null;

/** The action under the new names; none if it was about the node that is gone. */
function withoutTarget(action: FaultAction, renamed: Rename, servers: number): FaultAction[] {
  const fault = renamedFault(action.fault, renamed);
  if (fault === null) return [];
  if (action.when === undefined || !('nodes' in action.when)) return [{ ...action, fault }];
  const when = { ...action.when, nodes: Math.min(action.when.nodes, servers) };
  return [{ ...action, when, fault }];
}

function renamedFault(fault: Fault, renamed: Rename): Fault | null {
  switch (fault.kind) {
    case 'heal':
      return fault;
    case 'partition': {
      const groups = fault.groups.map((group) => group.map(renamed).filter((n) => n !== null));
      return { ...fault, groups: groups.filter((group) => group.length > 0) };
    }
    case 'cut': {
      const links = fault.links.flatMap((link) => renamedPair(link, renamed));
      return links.length === 0 ? null : { ...fault, links };
    }
    case 'link': {
      const [pair] = renamedPair([fault.from, fault.to], renamed);
      return pair === undefined ? null : { ...fault, from: pair[0], to: pair[1] };
    }
    case 'transfer': {
      const to = renamed(fault.to);
      return to === null ? null : { ...fault, to };
    }
    case 'configure': {
      const voters = fault.voters.flatMap((voter) => renamed(voter) ?? []);
      return voters.length === 0 ? null : { ...fault, voters };
    }
    default: {
      const node = renamed(fault.node);
      return node === null ? null : { ...fault, node };
    }
  }
}

function renamedPair([from, to]: readonly [Target, Target], renamed: Rename): [Target, Target][] {
  const [a, b] = [renamed(from), renamed(to)];
  return a === null || b === null ? [] : [[a, b]];
}

function withoutClient(schedule: Schedule, client: number): Schedule | null {
  return moveOperations(schedule, client, (operation) =>
    operation.client === client ? null : operation.client,
  );
}

function joinedToFirst(schedule: Schedule, client: number): Schedule | null {
  if (client === 0) return null;
  return moveOperations(schedule, client, (operation) =>
    operation.client === client ? 0 : operation.client,
  );
}

/** One client less; `clientOf` says who does an operation of the others, by the old numbers. */
function moveOperations(
  schedule: Schedule,
  gone: number,
  clientOf: (operation: ScheduledOperation) => number | null,
): Schedule | null {
  const { count } = schedule.clients;
  if (count <= 1 || gone >= count) return null;
  const operations = schedule.operations.flatMap((operation) => {
    const client = clientOf(operation);
    if (client === null) return [];
    return [{ ...operation, client: client > gone ? client - 1 : client }];
  });
  const { once } = schedule.clients;
  const fewer =
    once === undefined ? {} : { once: gone < once ? once - 1 : Math.min(once, count - 1) };
  return { ...schedule, clients: { ...schedule.clients, count: count - 1, ...fewer }, operations };
}
