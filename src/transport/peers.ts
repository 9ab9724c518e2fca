/**
 * Raft's messages over sockets: a frame per message, one socket per peer, damage found and counted.
 */
import { addressOf } from '../raft/identity.ts';
import type { Message, NodeId } from '../raft/types.ts';
import { type Checksum, decode, encode } from './codec.ts';
import type { Socket, Transport } from './transport.ts';

export class Peers implements Transport {
  /** Frames that arrived damaged; each counts as lost. */
  damaged = 0;
  /** By address: messages carry names, whose incarnation the receiver looks at. */
  readonly #sockets = new Map<string, Socket>();
  readonly #sequences = new Map<NodeId, number>();
  readonly #checksum: Checksum;
  readonly #receive: (message: Message) => void;

  constructor(checksum: Checksum, receive: (message: Message) => void) {
    this.#checksum = checksum;
    this.#receive = receive;
  }

  /** Uses `socket` for the address from now on; an earlier one to the same address is closed. */
  connect(peer: string, socket: Socket): void {
    this.#sockets.get(peer)?.close();
    this.#sockets.set(peer, socket);
    socket.onmessage = ({ data }) => {
      const frame = decode(data, this.#checksum);
      if (frame === null) this.damaged++;
      else this.#receive(frame.message);
    };
  }

  send(message: Message): void {
    const socket = this.#sockets.get(addressOf(message.to));
    if (socket === undefined) return;
    const sequence = (this.#sequences.get(message.to) ?? 0) + 1;
    this.#sequences.set(message.to, sequence);
    socket.send(encode(message, sequence, this.#checksum));
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }
}
