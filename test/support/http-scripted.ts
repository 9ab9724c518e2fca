/** A service that says what a test has it say, behind the real HTTP interface on a real socket. */
import { createHttp } from '../../src/http/http.ts';
import type { AdministrationReply, KnownServer, Reply, Service } from '../../src/http/service.ts';

export class ScriptedService implements Service {
  self: KnownServer = { id: 'node1:8000', publicUrl: 'http://localhost:8001' };
  readonly faults = null;
  readonly forwards = false;
  known: ReturnType<Service['leader']> = { id: 'node2:8000', publicUrl: null };
  reply: Reply | Error = { status: 'ok', value: null, index: 0, term: 0 };
  administration: AdministrationReply = { kind: 'done', voters: [] };
  /** Requests that came through to it. */
  asked = 0;
  /** Whether the latest of them was to be forwarded. */
  forwarded = false;

  /** Where people reach it from now on. */
  name(publicUrl: string | null): void {
    this.self = { ...this.self, publicUrl };
  }

  leader(): ReturnType<Service['leader']> {
    return this.known;
  }

  leads(): boolean {
    return this.known?.id === this.self.id;
  }

  async write(_operation: unknown, _who: unknown, forwards: boolean): Promise<Reply> {
    this.asked++;
    this.forwarded = forwards;
    if (this.reply instanceof Error) throw this.reply;
    return this.reply;
  }

  read(key: unknown, mode: unknown, forwards: boolean): Promise<Reply> {
    return this.write(key, mode, forwards);
  }

  async join(): Promise<AdministrationReply> {
    return this.administration;
  }

  leave(): Promise<AdministrationReply> {
    return this.join();
  }

  transfer(): Promise<AdministrationReply> {
    return this.join();
  }

  health(): ReturnType<Service['health']> {
    const { id } = this.self;
    const positions = { term: 0, commitIndex: 0, lastApplied: 0, lastLogIndex: 0 };
    return { id, role: 'follower', leader: null, ...positions, voters: [], learners: [] };
  }

  unready(): string | null {
    return null;
  }

  debugState(): Readonly<Record<string, unknown>> {
    return {};
  }

  gauges(): Readonly<Record<string, number>> {
    return {};
  }
}

export type Scripted = {
  readonly service: ScriptedService;
  readonly url: string;
  readonly logged: string[];
  stop(): Promise<void>;
};

export async function startScripted(): Promise<Scripted> {
  const service = new ScriptedService();
  const logged: string[] = [];
  const app = createHttp(service, { log: { error: (_details, message) => logged.push(message) } });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const stop = async (): Promise<void> => {
    await app.close();
  };
  return { service, url, logged, stop };
}
