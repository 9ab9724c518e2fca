/** What a file of the project imports, read from its text; and what is code in it at all. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

/** What is not code; a template that holds `${` is taken apart further by its reader. */
const TOKEN = new RegExp(
  [
    /\/\/[^\n]*|\/\*[\s\S]*?\*\//,
    /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/,
    // A regular expression stands where a division cannot.
    /(?<=[=(,:[!&|?{};\n]\s*)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/,
  ]
    .map((part) => part.source)
    .join('|'),
  'g',
);

function withoutComments(text: string): string {
  return text.replace(TOKEN, (token) => (/^\/[/*]/.test(token) ? blank(token) : token));
}

/** Only what runs: comments and quoted text blanked, lines kept; `${…}` in templates stays. */
export function codeOf(text: string): string {
  return text.replace(TOKEN, (token) => {
    if (!token.startsWith('`')) return blank(token);
    return token
      .split(/(\$\{[^}]*\})/)
      .map((part) => (part.startsWith('${') ? part : blank(part)))
      .join('');
  });
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}

export type Import = { readonly target: string; readonly typeOnly: boolean };

/** `import … from`, `export … from`, `import()`, and files named by a URL next to this one. */
function importsOf(file: string): Import[] {
  const text = withoutComments(readFileSync(join(PROJECT, file), 'utf8'));
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean): void => {
    found.push({ target: resolve(file, specifier), typeOnly });
  };
  for (const match of text.matchAll(/^(?:import|export)\s(?:([^'"`;]*?)\sfrom\s)?\s*'([^']+)'/gm)) {
    add(match[2] ?? '', /^type\s/.test(match[1] ?? ''));
  }
  for (const match of text.matchAll(/(?:import|import\.meta\.resolve)\(\s*'([^']+)'/g)) {
    add(match[1] ?? '', false);
  }
  for (const match of text.matchAll(/new URL\(\s*'([^']+\.ts)',\s*import\.meta\.url/g)) {
    add(match[1] ?? '', false);
  }
  return found;
}

function resolve(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return join(dirname(file), specifier);
  return specifier.startsWith('node:') ? specifier : `package:${specifier}`;
}

/** The imports of each file. */
export type ImportGraph = ReadonlyMap<string, readonly Import[]>;

export function importGraph(files: readonly string[]): ImportGraph {
  return new Map(files.map((file) => [file, importsOf(file)]));
}

/** Everything that is loaded with `entries`, and types as well if wanted, nearest first. */
export function loadedWith(
  graph: ImportGraph,
  entries: readonly string[],
  types: boolean,
): Set<string> {
  const reached = new Set(entries);
  for (const file of reached) {
    for (const { target, typeOnly } of graph.get(file) ?? []) {
      if (types || !typeOnly) reached.add(target);
    }
  }
  return reached;
}
