/**
 * Shows that a message finds its server by the address within its name, and arrives under that very
 * name: whether it is for this incarnation, the receiver must be able to see.
 *
 *     npx ava test/peers.test.ts
 */
import { crc32 } from 'node:zlib';
import test from 'ava';
import type { Message, NodeId } from '../src/raft/types.ts';
import { Peers } from '../src/transport/peers.ts';
import type { Socket } from '../src/transport/transport.ts';

/** A socket whose frames arrive at the other end at once. */
function socketTo(other: () => Socket): Socket {
  return {
    readyState: 1,
    bufferedAmount: 0,
    onmessage: null,
    send: (data) => other().onmessage?.({ data }),
    close: () => {},
  };
}

function timeoutNow(from: NodeId, to: NodeId): Message {
  return { kind: 'TimeoutNow', from, to, term: 3 };
}

test('a server is reached at its address, whatever its incarnation', (t) => {
  const received: Message[] = [];
  const there: Socket = socketTo(() => back);
  const back: Socket = socketTo(() => there);
  const sender = new Peers(crc32, () => {});
  const receiver = new Peers(crc32, (message) => received.push(message));
  sender.connect('n3', there);
  receiver.connect('n1', back);
  for (const to of ['n3', 'n3#2', 'n33', 'n3#3']) sender.send(timeoutNow('n1', to));
  t.deepEqual(
    received.map(({ to }) => to),
    ['n3', 'n3#2', 'n3#3'],
  );
});
