/** What a run has come to, as data. */
import { SCHEMA_VERSION } from '../results.ts';
import type { HostName } from './host.ts';
import type { ScenarioResult } from './perform.ts';
import type { StaircaseResult } from './staircase.ts';

export const EXPERIMENT = 'quorum';

/** What could not be carried out at all. */
export type Broken = { readonly name: string; readonly nodes: number; readonly reason: string };

export type Results = {
  readonly staircases: readonly StaircaseResult[];
  readonly scenarios: readonly ScenarioResult[];
  readonly broken: readonly Broken[];
};

export type QuorumDocument = Results & {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly experiment: typeof EXPERIMENT;
  readonly host: HostName;
};

export function documentOf(host: HostName, results: Results): QuorumDocument {
  return { schemaVersion: SCHEMA_VERSION, experiment: EXPERIMENT, host, ...results };
}

/** A line for each staircase and scenario, so that a change of one is a change of one line. */
export function documentText({ staircases, scenarios, broken, ...head }: QuorumDocument): string {
  const lines = (items: readonly object[]): string =>
    items.map((item) => `\n    ${JSON.stringify(item)}`).join(',');
  const fields = Object.entries(head).map(
    ([name, value]) => `  "${name}": ${JSON.stringify(value)}`,
  );
  return `{\n${[
    ...fields,
    `  "staircases": [${lines(staircases)}\n  ]`,
    `  "scenarios": [${lines(scenarios)}\n  ]`,
    `  "broken": [${lines(broken)}\n  ]`,
  ].join(',\n')}\n}\n`;
}

/** What did not come true, a sentence each. */
export function complaintsOf({ staircases, scenarios, broken }: Results): string[] {
  return [
    ...staircases.flatMap(({ name, nodes, complaints }) =>
      complaints.map((complaint) => `${name}, ${nodes} servers: ${complaint}`),
    ),
    ...scenarios.flatMap(({ name, complaints }) =>
      complaints.map((complaint) => `${name}: ${complaint}`),
    ),
    ...broken.map(({ name, nodes, reason }) => `${name}, ${nodes} servers: ${reason}`),
  ];
}

/** Steps at which a majority was up, all steps, and those served just when they should be. */
export function stepCounts({ staircases }: Results): { up: number; all: number; right: number } {
  const steps = staircases.flatMap((staircase) => staircase.steps);
  return {
    up: steps.filter(({ expectedServed }) => expectedServed).length,
    all: steps.length,
    right: steps.filter(({ failure }) => failure === '').length,
  };
}

/** How long until a write was acknowledged after whoever led was taken away. */
export function leaderLossMs({ steps }: StaircaseResult): number[] {
  return steps.flatMap(({ action, server, writeAfterMs }, i) =>
    writeAfterMs !== null && isAway(action) && steps[i - 1]?.writer === server
      ? [writeAfterMs]
      : [],
  );
}

/** How long until a write was acknowledged after a majority was up again. */
export function majorityBackMs({ steps }: StaircaseResult): number[] {
  return steps.flatMap(({ expectedServed, writeAfterMs }, i) =>
    writeAfterMs !== null && expectedServed && steps[i - 1]?.expectedServed === false
      ? [writeAfterMs]
      : [],
  );
}

function isAway(action: string | null): boolean {
  return action === 'stop' || action === 'kill' || action === 'pause';
}
