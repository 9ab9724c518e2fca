/** The files that the experiment leaves behind. */

import { textTable } from '../report/table.ts';
import { writeContent } from '../report/write-content.ts';
import type { Manifest } from '../results.ts';
import { contentOf } from './content.ts';
import type { EnduranceDocument } from './document.ts';

/** Resolves to the path of the page. */
export function writeReport(
  directory: string,
  document: EnduranceDocument,
  manifest: Manifest,
): Promise<string> {
  const content = contentOf(document, manifest);
  return writeContent(directory, { content, document: documentText(document), manifest });
}

export function documentText(document: EnduranceDocument): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

export function terminalTable({ lines }: EnduranceDocument, columns: number): string {
  const table = textTable(
    [
      { head: '', cells: lines.map(({ holds }) => (holds ? '✓' : '✕')), left: true },
      { head: 'what', cells: lines.map(({ what }) => what), left: true },
      { head: 'measured', cells: lines.map(({ measured }) => measured) },
      { head: 'bound', cells: lines.map(({ bound }) => bound), left: true },
      { head: 'detail', cells: lines.map(({ detail }) => detail), left: true, drop: 1 },
    ],
    columns,
  );
  return table.join('\n');
}
