/**
 * Shows that what clients see is linearizable, and nothing acknowledged is lost, where all of them
 * go through one address to servers that forward, over links that lose, delay and duplicate, while
 * whoever leads is killed again and again: with exactly-once headers and without. Real processes.
 *
 *     npx ava test/forward-load.test.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { HttpLinks } from '../lab/http/links.ts';
import { Load } from '../lab/http/load.ts';
import { Recorder } from '../lab/http/recorder.ts';
import { ProcessCluster } from '../lab/processes/cluster-processes.ts';
import { freePorts } from '../lab/processes/ports.ts';
import type { ProcessMember } from '../lab/processes/process-member.ts';
import { ask } from '../lab/processes/requests.ts';
import { until } from './support/http-wait.ts';
import { roundRobin } from './support/round-robin.ts';

const CLIENTS = 8;
const KILLS = 3;
const ENVIRONMENT = {
  FORWARD: 'on',
  ELECTION_TIMEOUT_MS: '300-600',
  // A request or an answer that a link lost is given up soon.
  REQUEST_TIMEOUT_MS: '500',
  LINK: '{"loss":0.02,"duplicate":0.2,"delayMs":1,"jitterMs":2}',
};

async function leaderOf(members: readonly ProcessMember[]): Promise<ProcessMember> {
  let leader: ProcessMember | undefined;
  await until('a leader', async () => {
    const roles = await Promise.all(members.map(({ url }) => ask(`${url}/health`)));
    leader = members[roles.findIndex((health) => health?.body.role === 'leader')];
    return leader !== undefined;
  });
  return leader as ProcessMember;
}

async function forwardedBy(members: readonly ProcessMember[]): Promise<number> {
  const texts = await Promise.all(
    members.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()),
  );
  return texts.reduce((sum, text) => {
    return sum + Number(/^requests_forwarded_total (\d+)$/m.exec(text)?.[1]);
  }, 0);
}

for (const exactlyOnce of [true, false]) {
  const how = exactlyOnce ? 'with' : 'without';
  test.serial(`the leader is killed under clients ${how} exactly-once headers`, async (t) => {
    const ports = await freePorts(3);
    const dataDir = mkdtempSync(join(tmpdir(), 'raft-forward-load-'));
    const cluster = new ProcessCluster({ dataDir, environment: ENVIRONMENT });
    const members = cluster.addFirst(ports);
    const balancer = await roundRobin(ports);
    const links = new HttpLinks(CLIENTS);
    t.teardown(async () => {
      await links.close();
      balancer.close();
      await cluster.kill();
      rmSync(dataDir, { recursive: true, force: true });
    });
    await cluster.start();
    const recorder = new Recorder();
    const everybody = { address: 'everybody', url: `http://127.0.0.1:${balancer.port}` };
    const load = new Load({
      links,
      recorder,
      servers: () => [everybody],
      clients: CLIENTS,
      seed: 1,
      requestTimeoutMs: 2000,
      operationTimeoutMs: 20_000,
      exactlyOnce,
      thinkMs: 5,
    });
    await leaderOf(members);
    load.start();
    const acknowledged = (): number =>
      recorder.history.filter(({ op, outcome }) => op !== 'get' && outcome === 'ok').length;
    const served = async (): Promise<void> => {
      const before = acknowledged();
      await until('it is served', () => acknowledged() >= before + 50);
    };
    for (let kill = 0; kill < KILLS; kill++) {
      await served();
      const leader = await leaderOf(members);
      await leader.kill();
      await served();
      await leader.start();
    }
    await served();
    // Since each was started last.
    const forwarded = await forwardedBy(members);
    const verdict = await load.judge();
    t.log(`${verdict.operations} operations, ${verdict.unknown} unknown, ${forwarded} forwarded`);
    t.like(verdict, { linearizable: 'ok', lost: [] });
    t.true(forwarded > 50, 'most requests come to servers that do not lead');
  });
}
