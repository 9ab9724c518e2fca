/** What a report says, put together once as data, for Markdown and for a page. */

export type Table = {
  readonly title: string;
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The first columns that hold words; the others hold numbers. */
  readonly words: number;
  readonly note: string;
};

export type Figure = {
  readonly title: string;
  /** Beside the report. */
  readonly file: string;
  readonly svg: string;
  readonly caption: string;
};

export type Pairs = readonly (readonly [name: string, value: string])[];

/** What an experiment finds; `**` marks what stands out. */
export type Findings = {
  readonly verdict: string;
  readonly headline: readonly string[];
  readonly setup: Pairs;
  readonly figures: readonly Figure[];
  readonly tables: readonly Table[];
  readonly shows: readonly string[];
  readonly showsNot: readonly string[];
};

export type Content = Findings & {
  readonly name: string;
  readonly question: string;
  readonly complaints: readonly string[];
  readonly provenance: Pairs;
  readonly command: string;
};
