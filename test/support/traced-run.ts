/**
 * A run of real cores over links with delays, recorded as a trace: an election, entries, a crash
 * of the leader, a partition and their end. For pictures, which want input that looks like life.
 */
import type { Trace, TracedFault, TracedMessage, TracedRole } from '../../lab/trace.ts';
import { describeMessage } from '../../src/raft/describe.ts';
import { nextDeadlineUs } from '../../src/raft/raft.ts';
import { between, chance, fork } from '../../src/raft/random.ts';
import type { Message, NodeId } from '../../src/raft/types.ts';
import { decodeCommand, encodeCommand, SETTINGS, simple } from '../raft/fixture.ts';
import { crash, createNetwork, give, type Server, serverOf, start } from '../raft/network.ts';

export type TracedRunOptions = {
  readonly seed: number;
  readonly nodes: number;
  readonly durationMs: number;
  /** A proposal about every so many milliseconds. */
  readonly proposeMs: number;
  readonly loss: number;
  readonly faults: boolean;
  readonly delayUs: readonly [low: number, high: number];
};

const DEFAULTS: TracedRunOptions = {
  seed: 1,
  nodes: 5,
  durationMs: 1500,
  proposeMs: 40,
  loss: 0.03,
  faults: true,
  delayUs: [400, 1600],
};

type Event = { readonly atUs: number; readonly run: () => void };

export function tracedRun(overrides: Partial<TracedRunOptions> = {}): Trace {
  const options = { ...DEFAULTS, ...overrides };
  const rng = fork(options.seed, 'traced run');
  const nodes = Array.from({ length: options.nodes }, (_, i) => `n${i + 1}`);
  const network = createNetwork({
    seed: options.seed,
    settings: SETTINGS,
    configuration: simple(...nodes),
  });
  const messages: TracedMessage[] = [];
  const roles: TracedRole[] = [];
  const commits: { node: NodeId; atUs: number; index: number }[] = [];
  const faults: TracedFault[] = [];
  const events: Event[] = [];
  const apart = new Set<NodeId>();
  const endUs = options.durationMs * 1000;

  const known = new Map<NodeId, { role: TracedRole['role']; term: number; commit: number }>();
  const observe = (server: Server): void => {
    const { state, id } = server;
    const before = known.get(id);
    const role = state === null ? 'down' : state.role.kind;
    const term = state?.persistent.currentTerm ?? before?.term ?? 0;
    const commit = state?.volatile.commitIndex ?? 0;
    const atUs = network.nowUs;
    if (before?.role !== role || before.term !== term) roles.push({ node: id, atUs, role, term });
    if (commit > (before?.commit ?? 0)) commits.push({ node: id, atUs, index: commit });
    known.set(id, { role, term, commit });
  };
  const at = (atUs: number, run: () => void): void => {
    events.push({ atUs, run });
    events.sort((a, b) => a.atUs - b.atUs);
  };
  const launch = (message: Message): void => {
    const record: TracedMessage = {
      from: message.from,
      to: message.to,
      text: describeMessage(message, decodeCommand),
      kind: message.kind,
      term: message.term,
      sentUs: network.nowUs,
      arrivedUs: null,
      fate: 'under way',
    };
    messages.push(record);
    if (apart.has(message.from) !== apart.has(message.to)) record.fate = 'cut';
    else if (chance(rng, options.loss)) record.fate = 'lost';
    else {
      at(network.nowUs + between(rng, ...options.delayUs), () => {
        const server = serverOf(network, message.to);
        record.fate = server.state === null ? 'down' : 'delivered';
        record.arrivedUs = server.state === null ? null : network.nowUs;
        if (server.state !== null) give(network, server, { kind: 'message', message });
      });
    }
  };
  const settle = (): void => {
    for (const message of network.flight.splice(0)) launch(message);
    for (const server of network.servers.values()) observe(server);
  };

  const leader = (): Server | undefined =>
    [...network.servers.values()].find(({ state }) => state?.role.kind === 'leader');
  const beginFault = (text: string, struck: readonly NodeId[], forUs: number): void => {
    const untilUs = network.nowUs + forUs;
    faults.push({ text, nodes: struck, fromUs: network.nowUs, untilUs });
  };
  if (options.faults) {
    at(Math.round(endUs * 0.35), () => {
      const victim = leader();
      if (victim === undefined) return;
      crash(victim);
      beginFault(`crash ${victim.id}`, [victim.id], Math.round(endUs * 0.3));
      at(network.nowUs + Math.round(endUs * 0.3), () => start(network, victim));
    });
    at(Math.round(endUs * 0.7), () => {
      const cutOff = leader()?.id ?? 'n1';
      apart.add(cutOff);
      const others = nodes.filter((node) => node !== cutOff).join(', ');
      beginFault(`partition {${cutOff}} | {${others}}`, nodes, Math.round(endUs * 0.25));
      at(network.nowUs + Math.round(endUs * 0.25), () => apart.clear());
    });
  }
  let proposals = 0;
  for (let us = 0; us < endUs; us += between(rng, 1, 2 * options.proposeMs * 1000)) {
    at(us, () => {
      const server = leader();
      if (server === undefined) return;
      proposals++;
      const command = encodeCommand(`put x ${proposals}`);
      give(network, server, { kind: 'propose', id: proposals, command });
    });
  }

  settle();
  for (;;) {
    const due = [...network.servers.values()]
      .filter(({ state }) => state !== null)
      .sort((a, b) => deadlineOf(a) - deadlineOf(b))[0];
    const event = events[0];
    const dueUs = due === undefined ? Number.POSITIVE_INFINITY : deadlineOf(due);
    if (Math.min(dueUs, event?.atUs ?? dueUs) > endUs) break;
    if (event !== undefined && event.atUs <= dueUs) {
      events.shift();
      network.nowUs = event.atUs;
      event.run();
    } else if (due !== undefined) {
      network.nowUs = dueUs;
      give(network, due, { kind: 'timer' });
    }
    settle();
  }
  return { nodes, lines: [], messages, roles, commits, faults, recoveryUs: null, endUs };
}

function deadlineOf({ state }: Server): number {
  return state === null ? Number.POSITIVE_INFINITY : nextDeadlineUs(state);
}
