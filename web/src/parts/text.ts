import { LitElement, css, html, type TemplateResult } from 'lit'
import { visible } from '../format.js'
import { languageOf, paint } from '../highlight.js'
import { shared } from '../styles.js'
import { rowed } from './rows.js'
import { Sized } from './sized.js'

/** Characters of a line that are drawn; what is longer is no text that anybody reads. */
const WIDEST = 4000

/** Text with line numbers. */
export class Text extends LitElement {
  static override properties = { bytes: { attribute: false }, path: { attribute: false } }
  declare bytes: Uint8Array
  declare path: string
  #lines: string[] = []
  #language = languageOf('', '')
  #wide = 0

  static override styles = [shared, rowed, css`
    :host { display: flex; min-height: 0; }
    st-rows { flex: 1; font-family: var(--mono); font-size: 12.5px; min-height: 120px; }
    .line { height: 19px; line-height: 19px; white-space: pre; tab-size: 4; }
    .n { display: inline-block; min-width: 5ch; padding-right: 1.5ch; text-align: right; color: var(--dim); user-select: none; }
    .comment { color: var(--dim); font-style: italic; }
    .string { color: light-dark(#20603a, #94d1a8); }
    .number { color: light-dark(#8a4a00, #e9b36d); }
    .word { color: light-dark(#7a2a6b, #e3a0d8); }
    .key { color: light-dark(#4b3f8f, #b3a8f0); }
  `]

  override willUpdate(): void {
    this.#lines = new TextDecoder().decode(this.bytes).split('\n')
    if (this.#lines.length > 1 && this.#lines.at(-1) === '') this.#lines.pop()
    this.#language = languageOf(this.path, this.#lines[0] ?? '')
    this.#wide = Math.min(WIDEST, this.#lines.reduce((most, line) => Math.max(most, line.length), 0)) + 9
  }

  override render() {
    return html`<st-rows tabindex="0" role="region" aria-label="Text" .count=${this.#lines.length} .height=${19} .row=${(i: number) => this.#row(i)} .wide=${this.#wide}></st-rows>`
  }

  #row(i: number): TemplateResult {
    const line = (this.#lines[i] ?? '').slice(0, WIDEST).replace(/\r$/, '')
    return html`<div class="line"><span class="n" aria-hidden="true">${i + 1}</span>${paint(line, this.#language).map(p =>
      p.paint ? html`<span class=${p.paint}>${readable(p.text)}</span>` : readable(p.text))}</div>`
  }
}

/** A tab stays one. */
const readable = (text: string) => text.split('\t').map(visible).join('\t')

customElements.define('st-text', Text)

/** In pixels: what sixteen bytes take, as numbers and characters. */
const ROOM = 600

/** Bytes as numbers and characters: sixteen in a line, or eight where there is no room for more. */
export class Hex extends LitElement {
  static override properties = { bytes: { attribute: false }, each: { state: true } }
  declare bytes: Uint8Array
  declare each: 8 | 16

  constructor() {
    super()
    this.each = 16
    new Sized(this, width => { this.each = width < ROOM ? 8 : 16 })
  }

  static override styles = [shared, rowed, css`
    :host { display: flex; min-height: 0; }
    st-rows { flex: 1; font-family: var(--mono); font-size: 12.5px; min-height: 120px; }
    .line { height: 19px; line-height: 19px; white-space: pre; padding-left: 12px; }
    .at { color: var(--dim); }
  `]

  override render() {
    return html`<st-rows tabindex="0" role="region" aria-label="Bytes" .count=${Math.ceil(this.bytes.length / this.each)} .height=${19} .row=${(i: number) => this.#row(i)} .wide=${this.each === 16 ? 78 : 44}></st-rows>`
  }

  #row(i: number): TemplateResult {
    const at = i * this.each
    const row = this.bytes.subarray(at, at + this.each)
    const hex = Array.from(row, b => b.toString(16).padStart(2, '0'))
    const text = Array.from(row, b => (b >= 32 && b < 127 ? String.fromCharCode(b) : '·')).join('')
    const left = `${hex.slice(0, 8).join(' ')}  ${hex.slice(8).join(' ')}`
    return html`<div class="line"><span class="at">${at.toString(16).padStart(8, '0')}</span>  ${left.padEnd(this.each === 16 ? 50 : 25)}${text}</div>`
  }
}

customElements.define('st-hex', Hex)
