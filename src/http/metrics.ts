/** `/metrics`: the server's own numbers, and how long its HTTP answers take. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Service } from './service.ts';

const LATENCY_BUCKETS_S = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

type Observe = (status: number, elapsedS: number) => void;

export class Metrics {
  readonly #service: Service;
  readonly #registry: Registry;
  readonly #latency: Histogram;
  readonly #refused: Counter;
  /** By name: what takes the present value. */
  readonly #set = new Map<string, (value: number) => void>();

  constructor(service: Service, registry: Registry) {
    this.#service = service;
    this.#registry = registry;
    const registers = [registry];
    this.#latency = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the headers of a request to the end of its answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: LATENCY_BUCKETS_S,
      registers,
    });
    this.#refused = new Counter({
      name: 'http_requests_without_route_total',
      help: 'Requests for no route of this server, or with a method that theirs does not have.',
      registers,
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    for (const [name, value] of Object.entries(this.#service.gauges())) {
      let set = this.#set.get(name);
      if (set === undefined) {
        set = this.#create(name);
        this.#set.set(name, set);
      }
      set(value);
    }
    return this.#registry.metrics();
  }

  /** A name may end in one label, as `what_total{reason="why"}`. */
  #create(labelled: string): (value: number) => void {
    const [, name = labelled, label, text = ''] = /^(\w+)\{(\w+)="(.*)"\}$/.exec(labelled) ?? [];
    const labelNames = label === undefined ? [] : [label];
    const labels = label === undefined ? {} : { [label]: text };
    const help = name.replaceAll('_', ' ');
    const description = { name, help, labelNames, registers: [this.#registry] };
    const present = this.#registry.getSingleMetric(name);
    if (!name.endsWith('_total')) {
      const gauge = (present as Gauge | undefined) ?? new Gauge(description);
      return (value) => gauge.set(labels, value);
    }
    const counter = (present as Counter | undefined) ?? new Counter(description);
    let counted = 0;
    return (value) => {
      // What is counted for each peer goes with the peer.
      counter.inc(labels, Math.max(0, value - counted));
      counted = value;
    };
  }

  withoutRoute(): void {
    this.#refused.inc();
  }

  /** For one route: its labels are looked up once for each status. */
  observerOf(method: string, route: string): Observe {
    const byStatus = new Map<number, Histogram.Internal<string>>();
    return (status, elapsedS) => {
      let latency = byStatus.get(status);
      if (latency === undefined) {
        latency = this.#latency.labels(method, route, String(status));
        byStatus.set(status, latency);
      }
      latency.observe(elapsedS);
    };
  }
}
