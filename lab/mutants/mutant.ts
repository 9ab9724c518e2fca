/** A known bug as an edit of the source. */
export type Mutant = {
  readonly name: string;
  /** The bug in one sentence. */
  readonly what: string;
  /** A section of the dissertation, or a report of a real system that had it. */
  readonly knownFrom: string;
  /** Of the project, below `src/`. */
  readonly file: string;
  /** Each `find` stands in the file exactly once. */
  readonly replace: readonly { readonly find: string; readonly with: string }[];
};
