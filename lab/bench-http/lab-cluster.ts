/** Three servers of the lab as `npm run cluster` has them: processes with their data on disk. */
import { ProcessCluster } from '../processes/cluster-processes.ts';
import { freePorts } from '../processes/ports.ts';
import { ask } from '../processes/requests.ts';
import type { System } from './system.ts';

const SERVERS = 3;

export async function startLab(directory: string): Promise<System> {
  const cluster = new ProcessCluster({ dataDir: directory });
  const members = cluster.addFirst(await freePorts(SERVERS));
  await cluster.start();
  return {
    name: 'lab',
    version: `Node ${process.version}${members[0]?.authority == null ? '' : ', TLS'}`,
    processIds: members.flatMap(({ pid }) => pid ?? []),
    urls: members.map(({ url }) => url),
    leads: async (url) => (await ask(`${url}/health`))?.body.role === 'leader',
    trouble: () => {
      const ended = members.find(({ isRunning }) => !isRunning);
      return ended === undefined ? null : `${ended.id} has ended: ${ended.lastWords}`;
    },
    close: () => cluster.stop(),
  };
}
