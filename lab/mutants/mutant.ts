/** A known bug as an edit of the source. */
export type Mutant = {
  readonly name: string;
  /** The bug in one sentence. */
  readonly what: string;
  /** A section of the dissertation, or a report of a real system that had it. */
  readonly knownFrom: string;
  /** Of the project, below `src/`. */
  readonly file: string;
  readonly replace: readonly Replacement[];
};

/** Of a text that stands in the file exactly once, or of one at a place, as machines find it. */
export type Replacement =
  | { readonly find: string; readonly with: string }
  | { readonly start: number; readonly end: number; readonly with: string };
