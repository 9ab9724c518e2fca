/** A run in words: what is set, which faults are to come, and what became of it. */
import { SESSION_BOUNDS } from '../../src/kv.ts';
import type { Settings } from '../../src/raft/types.ts';
import { type LinkSettings, PERFECT } from '../../src/transport/link.ts';
import { type Condition, describeFault, type FaultAction, type Target } from '../faults.ts';
import { PLACES } from '../places.ts';
import { percent, shortNumber } from '../report/table.ts';
import type { ClockSettings, Schedule, ScheduledOperation } from '../schedule.ts';
import type { Coverage, RunResult, Verdict } from '../verdict.ts';
import { count, labelled, ms, seconds, several, timed } from './text.ts';

/** More operations than this are counted and not listed. */
const OPERATIONS_LISTED = 30;

// ---- The schedule -------------------------------------------------------------------------------

export function scheduleText(schedule: Schedule, columns: number): string[] {
  const { name, seed, durationMs, disk, clocks, recovery } = schedule;
  const labels: readonly (readonly [string, string])[] = [
    ['run', name],
    ['seed', `${seed}: ${serversText(schedule)} for ${seconds(durationMs)}`],
    ['core', coreText(schedule)],
    ['snapshots', snapshotsText(schedule.settings)],
    ['links', linkText(schedule.link)],
    ['clients', clientsText(schedule)],
    ['disks', `${rangeText(disk.latencyMs)}; in a crash torn ${disk.torn}, late ${disk.late}`],
    ['clocks', clocksText(clocks)],
    ['operations', operationsText(schedule.operations)],
    [
      'recovery',
      `${recovery.core.join(', ')} within ${seconds(recovery.boundMs)}; ${rest(recovery)}`,
    ],
    ['faults', schedule.faults.length === 0 ? 'none' : String(schedule.faults.length)],
  ];
  const listed =
    schedule.operations.length <= OPERATIONS_LISTED ? operationLines(schedule, columns) : [];
  return [
    ...labels.flatMap(([label, text]) => labelled(label, text, columns)),
    ...schedule.faults.flatMap((action) => timed(action.atMs, actionText(action), columns)),
    ...listed,
  ];
}

function serversText({ nodes, spares }: Schedule): string {
  return several(nodes, 'node') + (spares === 0 ? '' : ` and ${several(spares, 'spare')}`);
}

function coreText({ settings, batchCommands, faults }: Schedule): string {
  return [
    `election timeout ${rangeText(settings.electionTimeoutMs)}${adaptiveText(settings)}`,
    `heartbeat ${ms(settings.heartbeatMs)}`,
    `preVote ${onOff(settings.preVote)}`,
    `checkQuorum ${onOff(settings.checkQuorum)}`,
    `stickiness ${onOff(settings.leaderStickiness)}`,
    `parallelDisk ${onOff(settings.parallelDiskWrite)}`,
    `window ${settings.windowMessages}`,
    `batches of ${settings.batchEntries} entries, ${settings.batchBytes} bytes, ` +
      `${batchCommands} commands`,
    ...unusual(settings),
    ...(faults.some(joins) ? [`catch-up within ${ms(settings.catchUpTimeoutMs)}`] : []),
  ].join(', ');
}

function joins({ fault }: FaultAction): boolean {
  return fault.kind === 'join';
}

function adaptiveText({ adaptiveTimeout }: Settings): string {
  if (adaptiveTimeout === null) return '';
  const { factor, floorMs } = adaptiveTimeout;
  return ` or ${factor} round trips, at least ${ms(floorMs)}`;
}

/** Bounds from here on are never met by what a schedule writes. */
const AMPLE_BYTES = 1 << 20;

/** What most runs do without. */
function unusual(settings: Settings): string[] {
  const { clockDriftPpm, uncommittedBytes, windowBytes } = settings;
  const texts: string[] = [];
  if (clockDriftPpm !== null) texts.push(`leases for clocks within ${count(clockDriftPpm)} ppm`);
  if (windowBytes < AMPLE_BYTES) texts.push(`${count(windowBytes)} bytes in flight`);
  if (uncommittedBytes < AMPLE_BYTES) texts.push(`${count(uncommittedBytes)} bytes uncommitted`);
  return texts;
}

/** No number of entries or bytes in a run is as large. */
const NEVER = Number.MAX_SAFE_INTEGER;

function snapshotsText(settings: Settings): string {
  const { chunkBytes, keptBytes, keptEntries, snapshotBytes, snapshotEntries } = settings;
  const bounds: readonly (readonly [number, string])[] = [
    [snapshotEntries, 'entries'],
    [snapshotBytes, 'bytes'],
  ];
  const kept = `at most ${count(keptEntries)} entries and ${count(keptBytes)} bytes`;
  const due = bounds.filter(([bound]) => bound < NEVER).map(([n, what]) => `${count(n)} ${what}`);
  return (
    `${due.length === 0 ? 'when asked for' : `after ${due.join(' or ')}`}; ` +
    `${keptEntries === 0 ? 'nothing' : kept} kept, ` +
    `chunks of ${count(chunkBytes)} bytes`
  );
}

function clientsText({ clients, clientLink }: Schedule): string {
  const { count: number, registered, requestTimeoutMs, retryMs, sessionsMax } = clients;
  const room = sessionsMax < SESSION_BOUNDS.sessionsMax ? `, room for ${sessionsMax} sessions` : '';
  return (
    `${number}${registered ? ', registered' : ''}${room}; ` +
    `request timeout ${ms(requestTimeoutMs)}, retry after ${ms(retryMs)}; ` +
    `links ${linkText(clientLink)}`
  );
}

/** What differs from a perfect link. */
function linkText(link: LinkSettings): string {
  const fields = Object.keys(link) as (keyof LinkSettings)[];
  const changed = fields.filter((field) => link[field] !== PERFECT[field]);
  if (changed.length === 0) return 'perfect';
  return changed.map((field) => `${field} ${shownSetting(link[field])}`).join(', ');
}

function shownSetting(value: LinkSettings[keyof LinkSettings]): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value);
}

function clocksText(clocks: readonly ClockSettings[]): string {
  if (clocks.every(({ offsetMs, driftPpm }) => offsetMs === 0 && driftPpm === 0)) return 'exact';
  return clocks
    .map(({ offsetMs, driftPpm }, i) => `n${i + 1} +${ms(offsetMs)} ${signed(driftPpm)} ppm`)
    .join(', ');
}

function operationsText(operations: readonly ScheduledOperation[]): string {
  if (operations.length === 0) return 'none';
  const parts = countsOf(operations.map(({ op }) => op));
  const keys = new Set(operations.map(({ key }) => key)).size;
  const ways = countsOf(operations.flatMap(({ read }) => (read === undefined ? [] : [read])));
  const reads = ways.length === 0 ? '' : `; of the gets ${ways.join(', ')}`;
  return `${operations.length}: ${parts.join(', ')}; on ${several(keys, 'key')}${reads}`;
}

/** How often each comes, in the order of their first coming. */
function countsOf(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, number]) => `${number} ${name}`);
}

function operationLines({ operations }: Schedule, columns: number): string[] {
  return operations.flatMap(({ atMs, client, op, key, value, expected, read }) => {
    const values = [expected, value].filter((each) => each !== undefined).map((v) => String(v));
    const way = read === undefined ? [] : [`(${read})`];
    return timed(atMs, [`client ${client}:`, op, key, ...values, ...way].join(' '), columns);
  });
}

function rest({ others }: Schedule['recovery']): string {
  return others === 'healed' ? 'the others are healed' : 'the others stay cut off';
}

function conditionText(condition: Condition): string {
  if (condition.kind === 'leaderElected') return 'a leader is elected';
  if (condition.kind === 'reached') return PLACES[condition.place];
  const entry = condition.kind === 'committed' ? `entry ${condition.index}` : 'the latest entry';
  const know = condition.nodes === 1 ? 'knows' : 'know';
  return `${several(condition.nodes, 'node')} ${know} ${entry} committed`;
}

function actionText({ when, fault, forMs }: FaultAction): string {
  const condition = when === undefined ? '' : `once ${conditionText(when)}: `;
  const what = fault.kind === 'cut' ? `cut ${linksText(fault.links)}` : describeFault(fault);
  return `${condition}${what}${forMs === undefined ? '' : `, for ${ms(forMs)}`}`;
}

/** Links from one node together, and those in both directions once: `n1 ↔ n2 n3, n3 → n2`. */
function linksText(links: readonly (readonly [from: Target, to: Target])[]): string {
  const has = new Set(links.map(([from, to]) => `${from} ${to}`));
  const told = new Map<string, Target[]>();
  for (const [from, to] of links) {
    const both = has.has(`${to} ${from}`);
    if (both && told.get(`${to} ↔`)?.includes(from)) continue;
    const head = `${from} ${both ? '↔' : '→'}`;
    told.set(head, [...(told.get(head) ?? []), to]);
  }
  return [...told].map(([head, to]) => [head, ...to].join(' ')).join(', ');
}

function rangeText([low, high]: readonly [number, number]): string {
  return low === high ? ms(low) : `${low} to ${ms(high)}`;
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

function onOff(value: boolean): string {
  return value ? 'on' : 'off';
}

// ---- The result ---------------------------------------------------------------------------------

/** `wallMs` is how long the run took. */
export function resultText(result: RunResult, wallMs: number, columns: number): string[] {
  const { coverage, verdict, traceHash, recoveredAfterMs } = result;
  const labels: readonly (readonly [string, string])[] = [
    ['faults', `${coverage.faultsBit} of ${coverage.faultsScheduled} bit`],
    ['messages', messagesText(result)],
    [
      'operations',
      `${count(coverage.operationsOk)} ok, ${count(coverage.operationsFailed)} failed, ` +
        `${count(coverage.operationsUnknown)} unknown`,
    ],
    ['nodes', `${several(coverage.crashes, 'crash')}, ${leadersText(coverage)}`],
    ['members', membersText(coverage)],
    ['recovery', recoveredAfterMs === null ? 'not reached' : `after ${ms(recoveredAfterMs)}`],
    ['trace hash', traceHash],
    ['speed', speedText(result, wallMs)],
    ['verdict', verdictText(verdict)],
  ];
  return labels.flatMap(([label, text]) => labelled(label, text, columns));
}

export function leadersText({ leaderChanges, handovers }: Coverage): string {
  const handed = handovers === 0 ? '' : `, ${count(handovers)} handed over`;
  return `${several(leaderChanges, 'change')} of leader${handed}`;
}

export function membersText(coverage: Coverage): string {
  const { configurations, disksLost, snapshotsInstalled } = coverage;
  return (
    `${several(configurations, 'configuration')} committed, ` +
    `${several(disksLost, 'disk')} lost, ${several(snapshotsInstalled, 'snapshot')} installed`
  );
}

function messagesText({ coverage: { messagesSent, messagesDropped } }: RunResult): string {
  const share = messagesSent === 0 ? null : messagesDropped / messagesSent;
  return `${count(messagesSent)} sent, ${count(messagesDropped)} dropped (${percent(share)})`;
}

function speedText({ events, simulatedMs }: RunResult, wallMs: number): string {
  return (
    `${count(events)} events, ${seconds(simulatedMs)} simulated in ${seconds(wallMs)}: ` +
    `${shortNumber((events / wallMs) * 1000)} events/s`
  );
}

/** As a sentence that says which property and when. */
export function verdictText(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'pass':
      return 'pass';
    case 'vacuous':
      return `VACUOUS: ${verdict.reason}`;
    case 'violation': {
      const { property, message, atMs } = verdict.violation;
      return `VIOLATION of ${property} at ${ms(atMs)}: ${message}`;
    }
  }
}
