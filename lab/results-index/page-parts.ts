/** The style of the index page, in line with the reports it leads to, and its script. */

/** Pictures are drawn on white paper: on a dark page they get a frame of it. */
export const STYLE = `
:root{--paper:#fff;--ink:#1b1f24;--quiet:#5b6470;--line:#e3e6ea;--tint:#f6f7f9;--accent:#0072b2;
--good:#0b6b4f;--bad:#b3001b}
@media screen and (prefers-color-scheme:dark){:root{--paper:#16191d;--ink:#e8eaed;--quiet:#a3abb5;
--line:#2c3138;--tint:#1d2126;--accent:#4aa3e0;--good:#5fd0a8;--bad:#ff7a8a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:82rem;margin:0 auto;padding:3rem 1.25rem 5rem}
.eyebrow{margin:0 0 .75rem;color:var(--quiet);font-size:.875rem}
h1{margin:0;font-size:clamp(1.6rem,1.1rem + 2.2vw,2.4rem);line-height:1.18;text-wrap:balance}
.lede{margin:1.25rem 0 0;max-width:46rem;font-size:1.15rem;text-wrap:pretty}
.lede code{white-space:nowrap}
nav{display:flex;flex-wrap:wrap;gap:.5rem;margin:1.75rem 0 0}
nav a{padding:.3rem .8rem;border:1px solid var(--line);border-radius:2rem;color:inherit;
font-size:.9rem;text-decoration:none}
nav a:hover{border-color:var(--accent)}
nav span{color:var(--quiet)}
h2{margin:3.5rem 0 0;font-size:1.35rem;scroll-margin-top:1rem}
.about{margin:.25rem 0 1.25rem;max-width:46rem;color:var(--quiet)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,30rem),1fr));gap:1.5rem}
article{display:flex;flex-direction:column;min-width:0;padding:0 0 1rem;
border:1px solid var(--line);border-radius:.6rem;overflow:hidden;background:var(--paper)}
article.failed{border-color:var(--bad)}
article>*{margin:0 1.1rem}
.picture{position:relative;display:grid;align-items:safe center;justify-items:center;height:18.5rem;
margin:0;padding:.4rem;overflow:hidden;background:#fff;border-bottom:1px solid var(--line)}
.long::after{content:"";position:absolute;inset:auto 0 0;height:2.5rem;
background:linear-gradient(#fff0,#fff)}
.picture img{display:block;max-width:100%;height:auto;color:#1b1f24}
.name{margin-top:1rem;color:var(--quiet);font-size:.85rem;line-height:1.3}
h3{margin-top:.2rem;font-size:1.12rem;line-height:1.3;font-weight:650;text-wrap:balance}
h3 a{color:inherit;text-decoration-color:var(--line);text-underline-offset:.2em}
a:hover{text-decoration-color:currentColor}
.answer{margin-top:.6rem;text-wrap:pretty}
.answer>b{color:var(--good)}
.failed .answer,.failed .answer>b{color:var(--bad)}
.none .answer>b{color:var(--quiet)}
footer{margin-top:auto;padding-top:.9rem;color:var(--quiet);font-size:.85rem}
footer p{margin:.4rem 0 0}
pre{margin:0;padding:.4rem .7rem;overflow:auto;background:var(--tint);color:var(--ink);
border-radius:.4rem}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9em}
@media (max-width:44rem){main{padding-top:2rem}.picture{height:auto;max-height:18.5rem}}
@media print{main{max-width:none;padding:0}article{break-inside:avoid}}
`;

/** Beside each date how long ago it was when the page is opened. */
export const AGES = `
for (const time of document.querySelectorAll('time')) {
  const days = Math.floor((Date.now() - Date.parse(time.dateTime)) / 864e5);
  const [count, unit] =
    days < 60 ? [days, 'day'] : days < 730 ? [days / 30.44, 'month'] : [days / 365.25, 'year'];
  const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
  time.append(' (' + words.format(-Math.max(0, Math.floor(count)), unit) + ')');
}
`;
