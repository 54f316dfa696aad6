import { LitElement, css, html, type TemplateResult } from 'lit'

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
  #observer = new ResizeObserver(() => this.requestUpdate())

  constructor() {
    super()
    this.count = 0
    this.height = 24
    this.wide = 0
    this.row = () => html``
  }

  protected override createRenderRoot(): this {
    return this
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.addEventListener('scroll', this.#scrolled, { passive: true })
    this.#observer.observe(this)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.removeEventListener('scroll', this.#scrolled)
    this.#observer.disconnect()
  }

  #scrolled = (): void => this.requestUpdate()

  get #all(): number {
    return this.count * this.height
  }

  /** The position in the list for a position of the scroll bar. */
  get #top(): number {
    const room = Math.max(1, Math.min(this.#all, MAX_HEIGHT) - this.clientHeight)
    return this.#all <= MAX_HEIGHT ? this.scrollTop : (this.scrollTop / room) * (this.#all - this.clientHeight)
  }

  /** Scrolls as little as it takes to see a row. */
  show(index: number): void {
    const at = index * this.height
    const top = this.#top
    const to = at < top ? at : Math.max(top, at + this.height - this.clientHeight)
    if (to === top) return
    this.scrollTop = this.#all <= MAX_HEIGHT ? to : (to / (this.#all - this.clientHeight)) * (MAX_HEIGHT - this.clientHeight)
    this.requestUpdate()
  }

  /** How many rows are in sight. */
  get page(): number {
    return Math.max(1, Math.floor(this.clientHeight / this.height) - 1)
  }

  override render(): TemplateResult {
    const top = this.#top
    const from = Math.max(0, Math.floor(top / this.height) - SPARE)
    const to = Math.min(this.count, Math.ceil((top + this.clientHeight) / this.height) + SPARE)
    const rows: TemplateResult[] = []
    for (let i = from; i < to; i++) rows.push(this.row(i))
    const shift = from * this.height - (top - this.scrollTop)
    const width = this.wide > 0 ? `; width: max(100%, ${this.wide}ch)` : ''
    return html`<div class="all" role="presentation" .style=${`height: ${Math.min(this.#all, MAX_HEIGHT)}px${width}`}>
      <div class="some" role="presentation" .style=${`transform: translateY(${shift}px)`}>${rows}</div>
    </div>`
  }
}

customElements.define('st-rows', Rows)
