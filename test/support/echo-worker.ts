/** A thread at the other end of a channel: it sends back what it gets, late if told so. */
import { type MessagePort, workerData } from 'node:worker_threads';
import { nowUs } from '../../src/clock.ts';
import { Channel } from '../../src/transport/channel.ts';
import { DelayQueue } from '../../src/transport/delay-queue.ts';
import { createLink, type LinkSettings } from '../../src/transport/link.ts';

export type EchoTask = { readonly port: MessagePort; readonly settings: LinkSettings };

const { port, settings } = workerData as EchoTask;
const link = createLink(1, 'echo');
const channel = new Channel(port, link, settings, new DelayQueue(nowUs), nowUs);
channel.onmessage = ({ data }) => channel.send(new Uint8Array(data));
