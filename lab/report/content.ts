/** What a report says, put together once as data, for Markdown and for a page. */

/** How a cell of a table stands out: what was asked for holds, nearly, or does not; or quiet. */
export type Tone = 'good' | 'fair' | 'bad' | 'quiet';

/** Words, or words with a colour, or with a link to a file beside the report. */
export type TableCell =
  | string
  | { readonly text: string; readonly tone?: Tone; readonly href?: string };

export type Table = {
  readonly title: string;
  readonly heads: readonly string[];
  readonly rows: readonly (readonly TableCell[])[];
  /** The first columns that hold words; the others hold numbers. */
  readonly words: number;
  readonly note: string;
};

export type Figure = {
  readonly title: string;
  /** Beside the report. */
  readonly file: string;
  readonly svg: string;
  /** The same for a telephone, where the other would have to be scrolled. */
  readonly narrow?: string;
  /** What it shows, for those who do not see it; without, its title must do. */
  readonly alt?: string;
  readonly caption: string;
};

export type Pairs = readonly (readonly [name: string, value: string])[];

/** What an experiment finds; `**` marks what stands out. */
export type Findings = {
  /** The answer in one sentence, taken from the data; the index of all results quotes it. */
  readonly verdict: string;
  /** False where what was expected did not come about: no failure, but nothing to tick off. */
  readonly holds?: boolean;
  readonly headline: readonly string[];
  readonly setup: Pairs;
  readonly figures: readonly Figure[];
  readonly tables: readonly Table[];
  readonly shows: readonly string[];
  readonly showsNot: readonly string[];
  /** Further files, by their paths within the report's directory. */
  readonly files?: readonly { readonly file: string; readonly text: string }[];
};

export type Content = Findings & {
  readonly name: string;
  readonly question: string;
  readonly complaints: readonly string[];
  readonly provenance: Pairs;
  readonly command: string;
};
