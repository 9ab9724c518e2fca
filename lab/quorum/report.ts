/** The files that a run leaves behind. */
import { writeWhole } from '../report/write-whole.ts';
import type { Manifest } from '../results.ts';
import { contentOf } from './content.ts';
import { documentText, type QuorumDocument } from './document.ts';
import { reportMarkdown } from './markdown.ts';
import { reportPage } from './page.ts';

/** Writes all files, each whole; the page comes last. Returns its path. */
export async function writeReport(
  directory: string,
  document: QuorumDocument,
  manifest: Manifest,
): Promise<string> {
  const content = contentOf(document, manifest);
  await writeWhole(directory, 'results.json', documentText(document));
  await writeWhole(directory, 'manifest.json', `${JSON.stringify(manifest, null, 2)}\n`);
  for (const { file, svg } of content.figures) await writeWhole(directory, file, svg);
  await writeWhole(directory, 'report.md', reportMarkdown(content));
  return writeWhole(directory, 'report.html', reportPage(content));
}
