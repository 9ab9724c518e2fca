/** Commands and reads on their way to the service, and what their answers have in common. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CommandKind, Operation } from '../command.ts';
import type { ClientReadMode } from '../node.ts';
import { storedBytes, type Value } from './encoded.ts';
import { type ErrorCode, type JsonPart, Refusal, sendError } from './errors.ts';
import { identityOf } from './identity.ts';
import { type Elsewhere, isToBeForwarded, namesLeader } from './leadership.ts';
import type { Consistency } from './schemas.ts';
import type { Reply, Service } from './service.ts';

type Failure = Exclude<
  Reply['status'],
  'ok' | 'notFound' | 'alreadyExists' | 'mismatch' | 'notLeader'
>;

const FAILURES: Readonly<Record<Failure, ErrorCode>> = {
  stale: 'stale_request',
  tooManyPending: 'overloaded',
  notExecuted: 'not_executed',
  outcomeUnknown: 'outcome_unknown',
  sessionExpired: 'session_expired',
  overloaded: 'overloaded',
  noQuorum: 'no_quorum',
  storageFull: 'storage_full',
};

/** Text is put together faster where it is short. */
const TEXT_BYTES_MAX = 4096;

const TOO_MANY_PENDING =
  'More answers of this session are kept than a session may have; declare those you have with ' +
  'Raft-Lowest-Pending.';

export type ReadParameters = {
  readonly consistency?: Consistency;
  readonly at?: 'follower';
};

/** Answers what the state machine has found, in the words of the route. */
type Answer = (found: Reply) => void;

export class Exchange {
  readonly #service: Service;
  readonly #elsewhere: Elsewhere;
  /** Who asked for the leader's answer is not sent there. */
  readonly #unforwarded: Elsewhere;

  /** `elsewhere` answers what only the leader serves and what is not forwarded. */
  constructor(service: Service, elsewhere: Elsewhere) {
    this.#service = service;
    this.#elsewhere = elsewhere;
    this.#unforwarded = namesLeader(service);
  }

  write(request: FastifyRequest, reply: FastifyReply, operation: Operation, answer: Answer): void {
    const identity = operation.kind === 'register' ? null : identityOf(request.headers);
    const forwards = isToBeForwarded(request.headers, this.#service.forwards);
    const asked = this.#service.write(operation, identity, forwards);
    this.#settle(request, reply, asked, answer, { isRead: false, forwards });
  }

  read(
    request: FastifyRequest,
    reply: FastifyReply,
    key: string,
    mode: ClientReadMode | 'log',
    answer: Answer,
  ): void {
    const isOwn = mode === 'stale' || mode === 'follower';
    const forwards = !isOwn && isToBeForwarded(request.headers, this.#service.forwards);
    const asked = this.#service.read(Buffer.from(key), mode, forwards);
    this.#settle(request, reply, asked, answer, { isRead: true, forwards });
  }

  #settle(
    request: FastifyRequest,
    reply: FastifyReply,
    asked: Promise<Reply>,
    answer: Answer,
    { isRead, forwards }: { isRead: boolean; forwards: boolean },
  ): void {
    asked
      .then((found) => {
        switch (found.status) {
          case 'ok':
          case 'notFound':
          case 'alreadyExists':
          case 'mismatch':
            answer(found);
            break;
          case 'notLeader':
            (forwards ? this.#unforwarded : this.#elsewhere)(request, reply);
            break;
          case 'tooManyPending':
            sendError(reply, 'overloaded', { message: TOO_MANY_PENDING });
            break;
          default:
            sendError(reply, FAILURES[found.status], { isRead });
        }
      })
      .catch((error: Error) => {
        reply.send(error);
      });
  }
}

/** `null` is absent. */
export function operationOf(
  kind: CommandKind,
  key: string,
  value: Value = null,
  expected: Value = null,
): Operation {
  return { kind, key: Buffer.from(key), value: bytesOf(value), expected: bytesOf(expected) };
}

/** What is stored is JSON in UTF-8. */
export function storedJson(value: Uint8Array | null): JsonPart {
  if (value === null) return 'null';
  if (value.byteLength > TEXT_BYTES_MAX) return value;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
}

/** `byDefault` is what a read is that does not say how it is to be made consistent. */
export function readModeOf(
  { consistency, at }: ReadParameters,
  byDefault: 'linearizable' | 'follower',
): ClientReadMode | 'log' {
  if (at === undefined) {
    return consistency === undefined || consistency === 'linearizable' ? byDefault : consistency;
  }
  if (consistency === undefined || consistency === 'linearizable') return 'follower';
  throw new Refusal(
    'invalid_at',
    `Expected "at" with linearizable reads only, got it with consistency ${consistency}.`,
  );
}

function bytesOf(value: Value): Uint8Array | null {
  return value === null ? null : storedBytes(value);
}
