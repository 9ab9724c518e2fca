/** The files that containers are made from, read as far as tests look into them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

export const ROOT = new URL('../..', import.meta.url).pathname;

export type ComposeService = {
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly ports?: readonly string[];
  readonly profiles?: readonly string[];
  readonly volumes?: readonly string[];
};

export type Compose = {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes?: Readonly<Record<string, null>>;
};

/** As much of a manifest as the tests look at. */
export type Manifest = {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly clusterIP?: string;
    readonly publishNotReadyAddresses?: boolean;
    readonly selector?: unknown;
    readonly maxUnavailable?: number;
    readonly serviceName?: string;
    readonly replicas?: number;
    readonly completions?: number;
    readonly podManagementPolicy?: string;
    readonly template?: { readonly metadata?: { labels: unknown }; readonly spec: Pod };
  };
};

export type Pod = {
  readonly securityContext: { readonly runAsNonRoot: boolean };
  readonly containers: readonly [
    {
      readonly image: string;
      readonly args?: readonly string[];
      readonly env?: readonly { readonly name: string; readonly value?: string }[];
      readonly volumeMounts: readonly { readonly mountPath: string }[];
    } & Readonly<Record<'livenessProbe' | 'readinessProbe' | 'startupProbe', Probe>>,
  ];
};

type Probe = { readonly httpGet: { readonly path: string; readonly port: string } };

export function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

export function composeOf(file: string): Compose {
  return parse(textOf(file), { merge: true });
}

export function manifestsOf(file: string): Manifest[] {
  return parseAllDocuments(textOf(file)).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS();
  });
}

/** The stages of the Dockerfile, each with its instructions, lines joined. */
export function stagesOf(dockerfile: string): { name: string; from: string; lines: string[] }[] {
  const lines = dockerfile
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '');
  const stages: { name: string; from: string; lines: string[] }[] = [];
  for (const line of lines) {
    const [, from, name] = /^FROM (\S+) AS (\S+)$/.exec(line) ?? [];
    if (from !== undefined && name !== undefined) stages.push({ name, from, lines: [] });
    else stages.at(-1)?.lines.push(line);
  }
  return stages;
}

/** The variables that a stage sets. */
export function variablesOf(lines: readonly string[]): Record<string, string> {
  const pairs = lines
    .filter((line) => line.startsWith('ENV '))
    .flatMap((line) => [...line.matchAll(/(\w+)=(\S+)/g)]);
  return Object.fromEntries(pairs.map(([, name, value]) => [name, value]));
}
