/** The other end of the bare ports and channels that the benchmark measures. */
import type { MessagePort } from 'node:worker_threads';
import { nowUs } from '../../src/clock.ts';
import { Channel } from '../../src/transport/channel.ts';
import { DelayQueue } from '../../src/transport/delay-queue.ts';
import { createLink, PERFECT } from '../../src/transport/link.ts';

export type EchoTask = {
  readonly control: MessagePort;
  /** Each message comes back. */
  readonly echoPort: MessagePort;
  readonly echoChannel: MessagePort;
  /** Messages are counted; one comes back for every `countTo`. */
  readonly countPort: MessagePort;
  readonly countChannel: MessagePort;
  readonly countTo: number;
};

/** Runs until anything arrives at `control`. */
export default function runEcho(task: EchoTask): Promise<void> {
  const delays = new DelayQueue(nowUs);
  const channel = (port: MessagePort): Channel =>
    new Channel(port, createLink(1, 'echo'), PERFECT, delays, nowUs);
  const { echoPort, countPort, countTo } = task;
  echoPort.on('message', (data: Uint8Array) => echoPort.postMessage(data));
  const echoChannel = channel(task.echoChannel);
  echoChannel.onmessage = ({ data }) => echoChannel.send(data as Uint8Array<ArrayBuffer>);
  let counted = 0;
  countPort.on('message', (data: Uint8Array) => {
    if (++counted % countTo === 0) countPort.postMessage(data);
  });
  const countChannel = channel(task.countChannel);
  let countedChannel = 0;
  countChannel.onmessage = ({ data }) => {
    if (++countedChannel % countTo === 0) countChannel.send(data as Uint8Array<ArrayBuffer>);
  };
  return new Promise((resolve) => {
    task.control.once('message', () => {
      for (const end of [echoPort, countPort, echoChannel, countChannel, task.control]) end.close();
      resolve();
    });
  });
}
