/** The index of all results, made from their reports: `README.md` and `index.html` beside them. */
import { writeWhole } from '../report/write-whole.ts';
import { readEntries } from './entries.ts';
import { grouped } from './groups.ts';
import { indexMarkdown } from './markdown.ts';
import { indexPage } from './page.ts';

export type ResultsIndex = { readonly 'README.md': string; readonly 'index.html': string };

/** The index as it should be: the same results give the same bytes. */
export async function resultsIndex(resultsDirectory: string): Promise<ResultsIndex> {
  const groups = grouped(await readEntries(resultsDirectory));
  return { 'README.md': indexMarkdown(groups), 'index.html': indexPage(groups) };
}

/**
 * Resolves to the path of the page. All directories are read first: if one lacks what it needs, a
 * `UserError` says so and nothing is written.
 */
export async function writeResultsIndex(resultsDirectory: string): Promise<string> {
  const index = await resultsIndex(resultsDirectory);
  await writeWhole(resultsDirectory, 'README.md', index['README.md']);
  return writeWhole(resultsDirectory, 'index.html', index['index.html']);
}
