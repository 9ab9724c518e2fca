/** Which methods a path has, for answers to those that it has not. */
export class Paths {
  readonly #methodsByPattern = new Map<string, { readonly matches: RegExp; methods: string[] }>();

  /** `pattern` is a route's: its parts that begin with a colon stand for any text. */
  add(method: string, pattern: string): void {
    let path = this.#methodsByPattern.get(pattern);
    if (path === undefined) {
      path = { matches: new RegExp(`^${pattern.replaceAll(/:[^/]+/g, '[^/]*')}$`), methods: [] };
      this.#methodsByPattern.set(pattern, path);
    }
    path.methods.push(method);
  }

  methodsOf(path: string): readonly string[] {
    const found = [...this.#methodsByPattern.values()].find(({ matches }) => matches.test(path));
    return [...new Set(found?.methods)].sort();
  }
}
