/**
 * The index as one page that needs no network: a card for each experiment, which shows the picture
 * that lies beside its report. Everything is there without the script, which adds ages in words.
 */
import { marked } from '../report/page-parts.ts';
import { escapeMarkup } from '../report/plot.ts';
import type { Entry, Mark } from './entries.ts';
import type { Group } from './groups.ts';
import { AGES, STYLE } from './page-parts.ts';
import { commitText, dayText, INTRODUCTION, plainText, TITLE } from './words.ts';

/** Of a picture that has a card to itself, in pixels: narrower ones keep their scale. */
const FULL_WIDTH = 940;
/** What a card shows of it; the end of a longer one fades out. */
const FULL_HEIGHT = 450;

const MARKS: Readonly<Record<Mark, readonly [sign: string, label: string]>> = {
  passed: ['✓', 'All that was promised held.'],
  failed: ['✕', 'Failed.'],
  none: ['–', 'There was nothing to judge.'],
};

export function indexPage(groups: readonly Group<Entry>[]): string {
  const links = groups.map(
    ({ members, title }) =>
      `<a href="#${anchor(title)}">${escapeMarkup(title)} <span>${members.length}</span></a>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Raft lab: ${TITLE.toLowerCase()}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<p class="eyebrow">Raft lab · results</p>
<h1>${TITLE}</h1>
<p class="lede">${escapeMarkup(INTRODUCTION).replace(/`([^`]+)`/g, '<code>$1</code>')}</p>
<nav aria-label="Groups">${links.join('')}</nav>
${groups.map(section).join('\n')}
</main>
<script>${AGES}</script>
</body>
</html>
`;
}

function section({ about, members, title }: Group<Entry>): string {
  const id = anchor(title);
  return `<section aria-labelledby="${id}">
<h2 id="${id}">${escapeMarkup(title)}</h2>
<p class="about">${escapeMarkup(about)}</p>
<div class="cards">
${members.map(card).join('\n')}
</div>
</section>`;
}

function card({ answer, manifest, mark, name, picture, question }: Entry): string {
  const [sign, label] = MARKS[mark];
  const report = `${name}/report.html`;
  const look = picture.height > FULL_HEIGHT ? 'picture long' : 'picture';
  const share = Math.min(100, Math.round((picture.width / FULL_WIDTH) * 100));
  const image =
    `<img loading="lazy" src="${name}/${picture.file}" alt="${plain(picture.alt)}" ` +
    `width="${picture.width}" height="${picture.height}" style="width:${share}%">`;
  const { command, commit, finishedAt } = manifest;
  const time = `<time datetime="${escapeMarkup(finishedAt)}">${dayText(finishedAt)}</time>`;
  return `<article class="${mark}">
<a class="${look}" href="${report}">${image}</a>
<p class="name">${escapeMarkup(name)}</p>
<h3><a href="${report}">${plain(question)}</a></h3>
<p class="answer"><b role="img" aria-label="${label}">${sign}</b> ${marked(plainText(answer))}</p>
<footer><pre tabindex="0" aria-label="Command"><code>${escapeMarkup(command)}</code></pre>
<p>${time} · ${commitText(commit)}</p></footer>
</article>`;
}

function plain(markdown: string): string {
  return escapeMarkup(plainText(markdown));
}

function anchor(title: string): string {
  return title.toLowerCase().replace(/[^a-z]+/g, '-');
}
