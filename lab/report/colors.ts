/** The colours that pictures draw with. */

/** Every colour a plot draws with; a dark page maps them to its own. */
export const COLORS = {
  paper: '#ffffff',
  ink: '#1b1f24',
  quiet: '#5b6470',
  grid: '#e3e6ea',
  axis: '#9aa2ad',
  outage: '#b3001b',
} as const;

/** Okabe and Ito's palette, which colour-blind readers can tell apart; dark enough ones first. */
export const PALETTE = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#4d4d4d',
  '#b5a900',
] as const;

/** From bad to good through neither: orange and blue, which the colour-blind can tell apart. */
export const SHADES = [
  '#f08c3a',
  '#f7b57d',
  '#fbdcc0',
  '#f1efe9',
  '#cfe3f2',
  '#93c3e6',
  '#4f9fd6',
] as const;
