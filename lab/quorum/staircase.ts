/**
 * The staircase: servers are taken away one by one until none is left, and brought back in the same
 * order, so that the one that knows least comes first. At each step all that run are asked: writes
 * and linearizable reads are served if and only if a majority of the servers is up.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadVerdict } from '../http/load.ts';
import { askCommands } from './by-hand.ts';
import { staircaseName, type Way } from './catalogue.ts';
import type { HostedServer, QuorumHost, ServerAction } from './host.ts';
import { loadComplaints } from './perform.ts';
import { Stage, type Standing } from './stage.ts';

export type StaircaseStep = {
  /** `null`: nothing was done yet. */
  readonly action: ServerAction | null;
  readonly server: string | null;
  readonly commands: readonly string[];
  readonly up: number;
  readonly standings: readonly Standing[];
  readonly expectedServed: boolean;
  /** Whoever acknowledged a write, and whoever served a linearizable read. */
  readonly writer: string | null;
  readonly readers: readonly string[];
  /** From when the action had taken effect. */
  readonly writeAfterMs: number | null;
  readonly readsAfterMs: number | null;
  readonly failure: string;
};

export type StaircaseResult = {
  readonly name: string;
  readonly way: Way;
  readonly nodes: number;
  readonly startCommand: string;
  readonly steps: readonly StaircaseStep[];
  readonly durationMs: number;
  readonly leaderChanges: number;
  readonly load: LoadVerdict;
  readonly complaints: readonly string[];
};

type Done = { readonly action: ServerAction; readonly id: string } | null;

const SERVED_FOR_MS = 500;
const SERVED_MS = 15_000;
const BACK: Readonly<Record<Way, ServerAction>> = {
  stop: 'start',
  kill: 'start',
  pause: 'resume',
};

export async function climb(
  host: QuorumHost,
  way: Way,
  nodes: number,
  seed: number,
  signal: AbortSignal,
): Promise<StaircaseResult> {
  const stage = await Stage.open(host, nodes, seed);
  try {
    const beganMs = stage.recorder.nowMs();
    const steps = [await look(stage, null)];
    const away: string[] = [];
    const take = async (action: ServerAction, id: string): Promise<void> => {
      signal.throwIfAborted();
      await stage.act(action, id);
      const step = await look(stage, { action, id });
      steps.push(step);
      // Clients write on what a step has left, so that the next one finds a difference.
      if (step.expectedServed) await sleep(SERVED_FOR_MS);
    };
    while (away.length < nodes) {
      const id = nextAway(stage, steps.at(-1)?.writer ?? null);
      away.push(id);
      await take(way, id);
    }
    for (const id of away) await take(BACK[way], id);
    const durationMs = Math.round(stage.recorder.nowMs() - beganMs);
    const load = await stage.judge();
    const { leaderChanges, complaints } = stage.watch;
    const failures = steps.flatMap(({ failure }, i) =>
      failure === '' ? [] : [`step ${i}: ${failure}`],
    );
    return {
      name: staircaseName(way),
      way,
      nodes,
      startCommand: host.startCommand(nodes),
      steps,
      durationMs,
      leaderChanges,
      load,
      complaints: [...failures, ...complaints, ...loadComplaints(load)],
    };
  } finally {
    await stage.close();
  }
}

/** Whoever leads goes first: that is the harder loss. */
function nextAway(stage: Stage, writer: string | null): string {
  const running = stage.running().map(({ id }) => id);
  const [first = ''] = running;
  return writer !== null && running.includes(writer) ? writer : first;
}

async function look(stage: Stage, done: Done): Promise<StaircaseStep> {
  const running = stage.running();
  const servers = stage.host.servers();
  const expectedServed = running.length > servers.length / 2;
  const about = {
    action: done?.action ?? null,
    server: done?.id ?? null,
    up: running.length,
    standings: servers.map(({ id }) => stage.standing(id)),
    expectedServed,
  };
  if (!expectedServed) {
    const failure = (await stage.probe.unserved(running)).join('; ');
    const commands = commandsOf(stage.host, done, running[0]);
    return {
      ...about,
      commands,
      writer: null,
      readers: [],
      writeAfterMs: null,
      readsAfterMs: null,
      failure,
    };
  }
  const serving = await stage.probe.served(running, SERVED_MS);
  const { writer, readers, writeAfterMs, readsAfterMs } = serving;
  const missing = running.map(({ id }) => id).filter((id) => !readers.includes(id));
  const asked = running.find(({ id }) => id === writer);
  return {
    ...about,
    commands: commandsOf(stage.host, done, asked),
    writer,
    readers,
    writeAfterMs: rounded(writeAfterMs),
    readsAfterMs: rounded(readsAfterMs),
    failure:
      writer === null
        ? `${running.length} of ${servers.length} run, and no write was acknowledged`
        : missing.length > 0
          ? `no linearizable read was served by ${missing.join(', ')}`
          : '',
  };
}

function commandsOf(host: QuorumHost, done: Done, asked: HostedServer | undefined): string[] {
  const command = done === null ? [] : [host.commandFor(done.action, done.id)];
  return [...command, ...(asked === undefined ? [] : askCommands(host, asked))];
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}
