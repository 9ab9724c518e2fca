/** Carries out a scenario, step after step, and holds each against what it expects. */
import { setTimeout as sleep } from 'node:timers/promises';
import { canonicalText } from '../../src/canonical-json.ts';
import { messageOf, oneLine } from '../../src/user-error.ts';
import { fieldsOf } from '../http/links.ts';
import type { LoadVerdict } from '../http/load.ts';
import { commandsOf } from './by-hand.ts';
import type { QuorumHost } from './host.ts';
import type { Scenario, Step } from './scenario.ts';
import { answerText, Stage } from './stage.ts';
import { textOf } from './step-text.ts';

export type StepResult = {
  readonly text: string;
  /** What a person would type. */
  readonly commands: readonly string[];
  /** From the start of the load. */
  readonly atMs: number;
  readonly kind: Step['kind'];
  /** Empty, or what did not hold, in a sentence. */
  readonly failure: string;
  /** What was measured, if that has a name. */
  readonly measure: string | null;
  readonly tookMs: number;
};

export type ScenarioResult = {
  readonly name: string;
  readonly about: string;
  readonly nodes: number;
  readonly startCommand: string;
  readonly steps: readonly StepResult[];
  readonly durationMs: number;
  readonly leaderChanges: number;
  /** The longest time in which no client's write was acknowledged. */
  readonly longestGapMs: number;
  /** Writes of the clients that were acknowledged, in slices of `SLICE_MS`. */
  readonly acknowledged: readonly number[];
  readonly load: LoadVerdict;
  readonly complaints: readonly string[];
};

export const SLICE_MS = 100;
/** An election on a busy machine takes a second or two; a server that starts, another two. */
const SERVED_MS = 15_000;
const CAUGHT_UP_MS = 15_000;

export async function performScenario(
  host: QuorumHost,
  scenario: Scenario,
  seed: number,
  signal: AbortSignal,
): Promise<ScenarioResult> {
  const stage = await Stage.open(host, scenario.nodes, seed);
  try {
    const beganMs = stage.recorder.nowMs();
    const steps: StepResult[] = [];
    for (const step of scenario.steps) {
      signal.throwIfAborted();
      const result = await perform(stage, step, beganMs);
      steps.push(result);
      // What comes after a step that failed starts from another state than it is written for.
      if (result.failure !== '') break;
    }
    const endedMs = stage.recorder.nowMs();
    const load = await stage.judge();
    const { leaderChanges, complaints } = stage.watch;
    const failures = steps.flatMap(({ text, failure }) =>
      failure === '' ? [] : [`${text}: ${failure}`],
    );
    return {
      name: scenario.name,
      about: scenario.about,
      nodes: scenario.nodes,
      startCommand: host.startCommand(scenario.nodes),
      steps,
      durationMs: Math.round(endedMs - beganMs),
      leaderChanges,
      ...availabilityOf(stage.recorder.acknowledgedMs(), beganMs, endedMs),
      load,
      complaints: [...failures, ...complaints, ...loadComplaints(load)],
    };
  } finally {
    await stage.close();
  }
}

/** What the clients saw that must not be, in sentences. */
export function loadComplaints({ linearizable, lost }: LoadVerdict): string[] {
  const writes = lost.length === 1 ? 'acknowledged write' : 'acknowledged writes';
  return [
    ...(linearizable === 'ok' ? [] : [`the history is ${linearizable}`]),
    ...(lost.length === 0
      ? []
      : [`${lost.length} ${writes} could not be read back: ${lost.slice(0, 5).join(', ')}`]),
  ];
}

export function availabilityOf(
  acknowledgedMs: readonly number[],
  beganMs: number,
  endedMs: number,
): { longestGapMs: number; acknowledged: number[] } {
  const within = acknowledgedMs.filter((ms) => ms >= beganMs && ms <= endedMs);
  const bounds = [beganMs, ...within.sort((a, b) => a - b), endedMs];
  const gaps = bounds.slice(1).map((ms, i) => ms - (bounds[i] ?? ms));
  const acknowledged = Array<number>(Math.ceil((endedMs - beganMs) / SLICE_MS)).fill(0);
  for (const ms of within) {
    const slice = Math.min(acknowledged.length - 1, Math.floor((ms - beganMs) / SLICE_MS));
    acknowledged[slice] = (acknowledged[slice] ?? 0) + 1;
  }
  return { longestGapMs: Math.round(Math.max(0, ...gaps)), acknowledged };
}

async function perform(stage: Stage, step: Step, beganMs: number): Promise<StepResult> {
  const startedMs = stage.recorder.nowMs();
  let text = step.kind as string;
  let commands: readonly string[] = [];
  let failure = '';
  try {
    text = await textOf(stage, step);
    failure = await carryOut(stage, step);
    commands = await commandsOf(stage, step);
  } catch (error) {
    failure = oneLine(messageOf(error));
  }
  return {
    text,
    commands,
    atMs: Math.round(startedMs - beganMs),
    kind: step.kind,
    failure,
    measure: ('measure' in step ? step.measure : undefined) ?? null,
    tookMs: Math.round(stage.recorder.nowMs() - startedMs),
  };
}

/** Empty, or what did not hold. */
async function carryOut(stage: Stage, step: Step): Promise<string> {
  switch (step.kind) {
    case 'act': {
      const servers = await stage.inRoles(step.on);
      await Promise.all(servers.map(({ id }) => stage.act(step.act, id)));
      return '';
    }
    case 'add':
      await stage.add();
      return '';
    case 'links': {
      const [from, to] = await Promise.all([stage.inRoles(step.from), stage.inRoles(step.to)]);
      await stage.setLinks(from, to, step.settings);
      return '';
    }
    case 'heal':
      await stage.heal();
      return '';
    case 'hold':
      await sleep(step.forMs);
      return '';
    case 'join':
    case 'leave':
    case 'transfer': {
      const { address } = await stage.inRole(step.who);
      const name = step.kind === 'transfer' ? 'to' : 'peer';
      return (await stage.administer(`/raft/${step.kind}`, { [name]: address })) ?? '';
    }
    case 'call':
      return call(stage, step);
    case 'served':
      return served(stage, step.at);
    case 'unserved':
      return (await stage.probe.unserved(await stage.inRoles(step.at))).join('; ');
    case 'caughtUp': {
      const who = await stage.inRoles(step.who);
      const tookMs = await stage.probe.caughtUp(who, stage.running(), CAUGHT_UP_MS);
      return tookMs === null ? `not within ${CAUGHT_UP_MS} ms` : '';
    }
  }
}

async function served(stage: Stage, at: Extract<Step, { kind: 'served' }>['at']): Promise<string> {
  const servers = await stage.inRoles(at);
  const { writer, readers } = await stage.probe.served(servers, SERVED_MS);
  if (writer === null) return `no write was acknowledged in ${SERVED_MS} ms`;
  const missing = servers.map(({ id }) => id).filter((id) => !readers.includes(id));
  return missing.length === 0 ? '' : `no linearizable read was served by ${missing.join(', ')}`;
}

async function call(stage: Stage, step: Extract<Step, { kind: 'call' }>): Promise<string> {
  const endMs = stage.recorder.nowMs() + (step.withinMs ?? 0);
  for (;;) {
    const answer = await stage.call(await stage.inRole(step.at), step.request);
    const fields = answer.kind === 'answered' ? fieldsOf(answer.body) : {};
    const wrong = Object.entries(step.body ?? {}).find(
      ([name, value]) => canonicalText(fields[name] ?? null) !== canonicalText(value),
    );
    const asExpected = answer.kind === 'answered' && answer.status === step.status;
    if (asExpected && wrong === undefined) return '';
    if (stage.recorder.nowMs() >= endMs) {
      if (!asExpected) return `expected status ${step.status}, came ${answerText(answer)}`;
      const [name = '', value = null] = wrong ?? [];
      const came = canonicalText(fields[name] ?? null);
      return `expected ${name} ${canonicalText(value)}, came ${came}`;
    }
    await sleep(50);
  }
}
