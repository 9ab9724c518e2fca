/** Small looks into SVG and HTML that tests share. */

/** The first tag that does not close what is open, or `null`; `void` elements need no end. */
export function illFormed(markup: string): string | null {
  const open: string[] = [];
  const text = markup.replace(/<!doctype html>|<style>[\s\S]*?<\/style>/g, '');
  for (const [tag, end, name, self] of text.matchAll(/<(\/?)([a-zA-Z]+)[^<>]*?(\/?)>/g)) {
    if (self === '/' || name === 'meta') continue;
    if (end === '') open.push(name ?? '');
    else if (open.pop() !== name) return tag;
  }
  const stray = text.replace(/<[^<>]*>/g, '').match(/[<>]|&(?!(amp|lt|gt|quot|#39);)/);
  return stray?.[0] ?? open[0] ?? null;
}

/** Every `<title>` within the picture, as a reader sees it. */
export function tooltips(markup: string): string[] {
  return [...markup.matchAll(/<title>([^<]*)<\/title>/g)].map((match) => unescaped(match[1] ?? ''));
}

export function unescaped(text: string): string {
  const characters: Record<string, string> = {
    '&amp;': '&',
    '&lt;': '<',
    '&gt;': '>',
    '&quot;': '"',
    '&#39;': "'",
  };
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (entity) => characters[entity] ?? entity);
}

export function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}
