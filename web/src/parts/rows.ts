import { LitElement, css, html, type TemplateResult } from 'lit'
import { Sized } from './sized.js'

/** Browsers draw nothing below some 17 million pixels; a list that is longer is scrolled in larger steps. */
const MAX_HEIGHT = 12_000_000
/** Rows drawn beyond each edge. */
const SPARE = 8

/** What a part needs that has rows: they are drawn in its own tree, where its styles reach them and its labels name them. */
export const rowed = css`
  st-rows { display: block; overflow: auto; position: relative; contain: strict; overscroll-behavior: contain; }
  st-rows > .all { position: relative; min-width: 100%; }
  st-rows .some { position: absolute; inset: 0 0 auto 0; }
`

/** A list of rows of one height, of which only those in sight are in the document. */
export class Rows extends LitElement {
  static override properties = { count: { attribute: false }, height: { attribute: false }, row: { attribute: false }, wide: { attribute: false } }
  declare count: number
  declare height: number
  declare row: (index: number) => TemplateResult
  /** width of the content in characters; 0 for that of the list */
  declare wide: number
  /** Kept, since asking for them makes a browser lay out all that has changed, at once. */
  #seen = { top: 0, height: 0 }

  constructor() {
    super()
    this.count = 0
    this.height = 24
    this.wide = 0
    this.row = () => html``
    new Sized(this, () => this.#look())
  }

  protected override createRenderRoot(): this {
    return this
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.addEventListener('scroll', this.#look, { passive: true })
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.removeEventListener('scroll', this.#look)
  }

  #look = (): void => {
    this.#seen = { top: this.scrollTop, height: this.clientHeight }
    this.requestUpdate()
  }

  /** A list that became shorter is scrolled back, as the browser does it. */
  override willUpdate(): void {
    this.#seen.top = Math.min(this.#seen.top, Math.max(0, Math.min(this.#all, MAX_HEIGHT) - this.#seen.height))
  }

  get #all(): number {
    return this.count * this.height
  }

  /** The position in the list for a position of the scroll bar. */
  get #top(): number {
    const room = Math.max(1, Math.min(this.#all, MAX_HEIGHT) - this.#seen.height)
    return this.#all <= MAX_HEIGHT ? this.#seen.top : (this.#seen.top / room) * (this.#all - this.#seen.height)
  }

  /** Scrolls as little as it takes to see a row. */
  show(index: number): void {
    this.#look()
    const at = index * this.height
    const top = this.#top
    const to = at < top ? at : Math.max(top, at + this.height - this.#seen.height)
    if (to === top) return
    this.scrollTop = this.#all <= MAX_HEIGHT ? to : (to / (this.#all - this.#seen.height)) * (MAX_HEIGHT - this.#seen.height)
    this.#look()
  }

  /** How many rows are in sight. */
  get page(): number {
    return Math.max(1, Math.floor(this.#seen.height / this.height) - 1)
  }

  override render(): TemplateResult {
    const top = this.#top
    const from = Math.max(0, Math.floor(top / this.height) - SPARE)
    const to = Math.min(this.count, Math.ceil((top + this.#seen.height) / this.height) + SPARE)
    const rows: TemplateResult[] = []
    for (let i = from; i < to; i++) rows.push(this.row(i))
    const shift = from * this.height - (top - this.#seen.top)
    const width = this.wide > 0 ? `; width: max(100%, ${this.wide}ch)` : ''
    return html`<div class="all" role="presentation" .style=${`height: ${Math.min(this.#all, MAX_HEIGHT)}px${width}`}>
      <div class="some" role="presentation" .style=${`transform: translateY(${shift}px)`}>${rows}</div>
    </div>`
  }
}

customElements.define('st-rows', Rows)
