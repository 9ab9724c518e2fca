/** What reports in Markdown are made of, whatever they report. */

/** Escapes what Markdown or HTML in it would take for markup, and keeps a cell on its line. */
export function escapeText(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/[\\`*_[\]|~]/g, (character) => `\\${character}`);
}

/** The same, but what stands between two pairs of asterisks stands out. */
export function escapeMarked(text: string): string {
  return text.split('**').map(escapeText).join('**');
}

export function list(items: readonly string[]): string {
  return items.map((item) => `- ${escapeText(item)}`).join('\n');
}

export function entries(pairs: readonly (readonly [string, string])[]): string {
  return list(pairs.map(([name, value]) => `${name}: ${value}`));
}
