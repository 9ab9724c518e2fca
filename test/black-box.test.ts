/**
 * Shows that the HTTP contract holds, call by call, of servers that are known by their sockets
 * only: three processes, or any three that run already, such as those of docker-compose.yml.
 *
 *     npx ava test/black-box.test.ts
 *     CONTRACT_URLS=http://localhost:8001,http://localhost:8002,http://localhost:8003 \
 *       npx ava test/black-box.test.ts
 *
 * They must have been started with FAULTS=true. With the commands in CONTRACT_STOP, CONTRACT_KILL
 * and CONTRACT_START, each followed by the host of a server's id, and the URL of a server that
 * waits to be joined in CONTRACT_WAITING, the run also stops, kills and joins them.
 */
import test from 'ava';
import type { BlackBoxCluster } from './support/black-box-cluster.ts';
import { hasCommands, openNamed } from './support/black-box-commands.ts';
import { KEY_ROWS } from './support/black-box-keys.ts';
import { MEMBER_ROWS } from './support/black-box-members.ts';
import { Processes } from './support/black-box-processes.ts';
import { QUORUM_ROWS } from './support/black-box-quorum.ts';
import { REFUSAL_ROWS, SlowSenders } from './support/black-box-refusals.ts';
import type { Row } from './support/black-box-row.ts';
import { SERVER_ROWS } from './support/black-box-servers.ts';
import { START_ROWS } from './support/black-box-starts.ts';

const isNamed = (process.env.CONTRACT_URLS ?? '') !== '';
const hasHands = !isNamed || hasCommands(process.env);

let processes: Processes;
let cluster: BlackBoxCluster;
let slow: SlowSenders;

test.before(async () => {
  if (isNamed) cluster = await openNamed(process.env);
  else {
    processes = await Processes.start();
    cluster = await processes.openCluster();
  }
  const { followers } = await cluster.roles();
  slow = new SlowSenders(followers[0].url);
});

test.after.always(async () => {
  if (!isNamed) await processes.end();
});

function show([what, run]: Row): void {
  test.serial(what, (t) => run(t, cluster));
}

for (const row of [...KEY_ROWS, ...SERVER_ROWS, ...REFUSAL_ROWS, ...QUORUM_ROWS]) show(row);

test.serial('who does not go on with a request gets 408, and has written nothing', (t) =>
  slow.show(t, cluster),
);

if (hasHands) MEMBER_ROWS.forEach(show);

if (!isNamed) {
  for (const [what, run] of START_ROWS) {
    test.serial(what, (t) => run(t, cluster, processes));
  }
}
