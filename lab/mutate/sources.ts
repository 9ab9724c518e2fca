/**
 * The sources as the TypeScript compiler sees them: trees with positions, types, and whether a text
 * that stands in for a file still passes. The compiler answers from a process of its own.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Node, SourceFile } from 'typescript/unstable/ast';
import { API, type Project, type Snapshot } from 'typescript/unstable/sync';

/**
 * What does no harm: a name that an edit leaves without a use (6133 and its siblings), and what it
 * leaves unreachable (7027).
 */
const HARMLESS = new Set([6133, 6192, 6196, 6198, 6199, 7027]);

export class Sources {
  readonly #root: string;
  readonly #instead = new Map<string, string>();
  readonly #api: API;
  #snapshot: Snapshot;

  /** `instead` are texts that stand in for files, by their paths in the project. */
  constructor(root: string, instead: Readonly<Record<string, string>> = {}) {
    this.#root = root;
    for (const [file, text] of Object.entries(instead)) this.#instead.set(join(root, file), text);
    const readFile = (path: string): string | undefined => this.#instead.get(path);
    this.#api = new API({ cwd: root, fs: { readFile } });
    this.#snapshot = this.#api.updateSnapshot({ openProjects: [join(root, 'tsconfig.json')] });
  }

  text(file: string): string {
    const path = join(this.#root, file);
    return this.#instead.get(path) ?? readFileSync(path, 'utf8');
  }

  tree(file: string): SourceFile {
    const tree = this.#project.program.getSourceFile(join(this.#root, file));
    if (tree === undefined) throw new Error(`${file} is no file of the project`);
    return tree;
  }

  /** Numbers that are equal for equal types; `undefined` where there is none. */
  typesOf(nodes: readonly Node[]): (number | undefined)[] {
    if (nodes.length === 0) return [];
    return this.#project.checker.getTypeAtLocation(nodes).map((type) => type?.id);
  }

  /** What the compiler has against a text in the place of a file. */
  complaints(file: string, text: string): string[] {
    const path = join(this.#root, file);
    const before = this.#instead.get(path);
    this.#put(path, text);
    const { program } = this.#project;
    const found = [
      ...program.getSyntacticDiagnostics(path),
      ...program.getSemanticDiagnostics(path),
    ]
      .filter(({ code }) => !HARMLESS.has(code))
      .map(({ text: what }) => what);
    this.#put(path, before);
    return found;
  }

  close(): void {
    this.#api.close();
  }

  get #project(): Project {
    const [project] = this.#snapshot.getProjects();
    if (project === undefined) throw new Error('the compiler knows of no project');
    return project;
  }

  #put(path: string, text: string | undefined): void {
    if (text === undefined) this.#instead.delete(path);
    else this.#instead.set(path, text);
    const old = this.#snapshot;
    this.#snapshot = this.#api.updateSnapshot({ fileChanges: { changed: [path] } });
    old.dispose();
  }
}
