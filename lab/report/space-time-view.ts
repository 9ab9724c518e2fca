/**
 * What of a run a space-time diagram shows: the window, the records within it, which messages
 * changed nothing, and where each moment stands.
 */
import type { Trace, TracedFault, TracedMessage } from '../trace.ts';
import type { Violation } from '../verdict.ts';
import { firstNotBefore, type TimeAxis, timeAxis } from './time-axis.ts';

export type SpaceTimeOptions = {
  /** Without these, the last stretch that can be read, around the violation if there is one. */
  readonly fromUs?: number;
  readonly toUs?: number;
  readonly violation?: Violation | null;
  readonly title?: string;
};

export type View = {
  readonly fromUs: number;
  readonly toUs: number;
  readonly messages: readonly TracedMessage[];
  /** Heartbeats and their answers that changed neither a role nor a commit index. */
  readonly quiet: ReadonlySet<TracedMessage>;
  readonly faults: readonly TracedFault[];
  readonly violationUs: number | null;
  readonly axis: TimeAxis;
  /** The usual time under way, in pixels. */
  readonly usualPixels: number;
};

/** What an arrow of the usual length spans. */
const USUAL_PIXELS = 30;
/** More messages than this are a smear, or a picture without end. */
const MESSAGES_MAX = 400;
/** What follows a violation shows little but that the run went on. */
const MESSAGES_AFTER = 20;

/** Nothing happens for longer than this many pixels: time is skipped. */
const SKIP_FROM = 80;
const SKIPPED = 32;
/** Where only quiet messages travel, time takes less room. */
const QUIET_SCALE = 0.35;
const QUIET_SKIP_FROM = 32;
const QUIET_SKIPPED = 24;
/** Moments apart in time stay apart. */
const APART = 5;
const QUIET_APART = 1.5;

export function viewOf(trace: Trace, options: SpaceTimeOptions): View {
  const violation = options.violation ?? null;
  const violationUs = violation === null ? null : Math.round(violation.atMs * 1000);
  const toUs = options.toUs ?? defaultEnd(trace, violationUs);
  const fromUs = Math.min(options.fromUs ?? defaultStart(trace, toUs), toUs);
  const within = (from: number, to: number): boolean => from <= toUs && to >= fromUs;
  const messages = trace.messages.filter((message) =>
    within(message.sentUs, message.arrivedUs ?? message.sentUs),
  );
  const view = {
    fromUs,
    toUs,
    messages,
    quiet: quietMessages(trace),
    faults: trace.faults.filter((fault) => within(fault.fromUs, fault.untilUs ?? trace.endUs)),
    violationUs: violationUs !== null && within(violationUs, violationUs) ? violationUs : null,
  };
  const usualUs = usualDelay(messages);
  return { ...view, axis: axisOf(trace, view, usualUs), usualPixels: USUAL_PIXELS };
}

/** The end of the run, or a little after the violation. */
function defaultEnd(trace: Trace, violationUs: number | null): number {
  if (violationUs === null) return trace.endUs;
  const after = sendTimes(trace).filter((us) => us > violationUs);
  return Math.max(violationUs, after[MESSAGES_AFTER] ?? trace.endUs);
}

/** As early as the messages until the end can be read; the run's start if all of them can. */
function defaultStart(trace: Trace, toUs: number): number {
  const times = sendTimes(trace).filter((us) => us <= toUs);
  const first = times.at(-MESSAGES_MAX);
  const leftOut = times.at(-MESSAGES_MAX - 1);
  if (first === undefined || leftOut === undefined) return Math.min(0, toUs);
  // Messages that one step sent belong together: all of them, or none.
  return first > leftOut ? first : (times.find((us) => us > first) ?? first);
}

function sendTimes(trace: Trace): number[] {
  return trace.messages.map((message) => message.sentUs).sort((a, b) => a - b);
}

export function isHeartbeat(message: TracedMessage): boolean {
  return message.kind === 'AppendEntries' && !message.text.includes(' entries=[');
}

function quietMessages(trace: Trace): Set<TracedMessage> {
  const moment = (node: string, us: number): string => `${node} ${us}`;
  const changes = new Set(
    [...trace.roles, ...trace.commits].map(({ node, atUs }) => moment(node, atUs)),
  );
  const changesNothing = (message: TracedMessage): boolean =>
    message.fate === 'delivered' &&
    message.arrivedUs !== null &&
    !changes.has(moment(message.to, message.arrivedUs));
  const quiet = new Set<TracedMessage>();
  const requests = new Map<string, TracedMessage[]>();
  for (const message of trace.messages) {
    if (message.kind !== 'AppendEntries' || message.arrivedUs === null) continue;
    const link = `${message.to} ${message.from}`;
    const others = requests.get(link);
    if (others === undefined) requests.set(link, [message]);
    else others.push(message);
    if (isHeartbeat(message) && changesNothing(message)) quiet.add(message);
  }
  for (const list of requests.values()) {
    list.sort((a, b) => (a.arrivedUs ?? 0) - (b.arrivedUs ?? 0));
  }
  // An answer is as quiet as the last request that arrived before it.
  for (const message of trace.messages) {
    if (message.kind !== 'AppendEntriesResponse' || !changesNothing(message)) continue;
    const before = requests.get(`${message.from} ${message.to}`) ?? [];
    const arrivals = before.map((request) => request.arrivedUs ?? 0);
    const request = before[firstNotBefore(arrivals, message.sentUs + 1) - 1];
    if (request !== undefined && quiet.has(request)) quiet.add(message);
  }
  return quiet;
}

/** The median time under way. */
function usualDelay(messages: readonly TracedMessage[]): number {
  const delays = messages
    .flatMap(({ sentUs, arrivedUs }) => (arrivedUs === null ? [] : [arrivedUs - sentUs]))
    .sort((a, b) => a - b);
  return Math.max(delays[delays.length >> 1] ?? 1000, 1);
}

function axisOf(trace: Trace, view: Omit<View, 'axis' | 'usualPixels'>, usualUs: number): TimeAxis {
  const inside = (us: number): boolean => us >= view.fromUs && us <= view.toUs;
  const loud = view.messages.filter((message) => !view.quiet.has(message));
  const points = [
    ...trace.roles.map(({ atUs }) => atUs),
    ...trace.commits.map(({ atUs }) => atUs),
    ...view.faults.flatMap(({ fromUs, untilUs }) => [fromUs, untilUs ?? fromUs]),
    ...[trace.recoveryUs ?? view.fromUs, view.violationUs ?? view.fromUs],
  ].filter(inside);
  const travels = view.messages.flatMap(({ sentUs, arrivedUs }) => [sentUs, arrivedUs ?? sentUs]);
  const moments = [view.fromUs, ...points, ...travels.filter(inside), view.toUs];

  const sorted = [...new Set(moments)].sort((a, b) => a - b);
  const busy = new Set<number>();
  const mark = (fromUs: number, toUs: number): void => {
    const first = Math.max(firstNotBefore(sorted, fromUs), 0);
    for (let i = first; (sorted[i] ?? toUs) < toUs; i++) busy.add(sorted[i] ?? 0);
  };
  for (const { sentUs, arrivedUs } of loud) mark(sentUs, arrivedUs ?? sentUs + usualUs);
  for (const us of points) mark(us, us + 1);

  const pixelsPerUs = USUAL_PIXELS / usualUs;
  return timeAxis(sorted, (fromUs, toUs) => {
    const isBusy = busy.has(fromUs);
    const pixels = (toUs - fromUs) * pixelsPerUs * (isBusy ? 1 : QUIET_SCALE);
    if (pixels > (isBusy ? SKIP_FROM : QUIET_SKIP_FROM)) {
      return { pixels: isBusy ? SKIPPED : QUIET_SKIPPED, skips: true };
    }
    return { pixels: Math.max(pixels, isBusy ? APART : QUIET_APART), skips: false };
  });
}
