import { css } from 'lit'

/** Colours and type that every part shares; parts inherit the custom properties from the element. */
export const tokens = css`
  :host {
    color-scheme: light dark;
    --bg: light-dark(#fbfbf9, #14171a);
    --panel: light-dark(#ffffff, #191d21);
    --raised: light-dark(#f3f4f1, #21262b);
    --line: light-dark(#dfe1dc, #2e353b);
    --text: light-dark(#1b1f23, #e4e7ea);
    --dim: light-dark(#565e65, #a0aab3);
    --accent: light-dark(#15597b, #83c5e6);
    --on-accent: light-dark(#ffffff, #0d2430);
    --select: light-dark(#e0edf4, #1f3440);
    --good: light-dark(#1d6b3a, #7fd19b);
    --warn: light-dark(#8a5300, #e7b566);
    --bad: light-dark(#a12622, #f19a94);
    --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
    --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  }
  /* not on the host, which a page that styles all of its elements styles as well */
  :host > * { font: 14px/1.45 var(--sans); color: var(--text); }
  :host > st-foot { font-size: 12.5px; }
`

export const shared = css`
  :host { display: block; }
  :host([hidden]), [hidden] { display: none !important; }
  *, *::before, *::after { box-sizing: border-box; }
  h1, h2, h3, p, dl, dd, ul, ol { margin: 0; padding: 0; }
  ul, ol { list-style: none; }
  button, input, select { font: inherit; color: inherit; }
  button { cursor: pointer; }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
  .mono { font-family: var(--mono); font-size: 12.5px; }
  .dim { color: var(--dim); }
  .num { font-variant-numeric: tabular-nums; }
  .clip { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .button {
    border: 1px solid var(--line); border-radius: 6px; background: var(--panel); padding: 5px 12px; white-space: nowrap;
  }
  .button:hover { border-color: var(--dim); }
  .button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 550; }
  .button[disabled] { opacity: .55; cursor: default; }
  .button.only { padding: 2px 8px; font-size: 12.5px; }
  .plain { border: 0; background: none; padding: 0; text-align: inherit; }
  .link { border: 0; background: none; padding: 0; color: var(--accent); text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: 2px; }
  .link:hover { text-decoration-thickness: 2px; }
  .field { border: 1px solid var(--line); border-radius: 6px; background: var(--panel); padding: 5px 10px; min-width: 0; text-overflow: ellipsis; }
  .field::placeholder { color: var(--dim); opacity: 1; }
  .sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  @media (prefers-reduced-motion: no-preference) { .fade { transition: background-color .12s, border-color .12s; } }
`

/** The colour of a layer, wherever it is shown. Neighbours are far apart on the circle. */
export const hue = (layer: number): string => `--hue: ${(215 + layer * 137.5) % 360}`

export const layered = css`
  .chip {
    display: inline-block; min-width: 20px; padding: 0 5px; border-radius: 4px; text-align: center;
    font-size: 11.5px; line-height: 17px; font-variant-numeric: tabular-nums;
    background: light-dark(oklch(0.89 0.055 var(--hue)), oklch(0.38 0.06 var(--hue))); color: var(--text);
  }
`
