import { LitElement, css, html, nothing } from 'lit'
import { bytes, fraction } from './format.js'
import { fromReference, fromTransfer } from './loader.js'
import { Session } from './session.js'
import { shared, tokens } from './styles.js'
import { FRESH, type Go, type View } from './view.js'
import type { Choose } from './parts/summary.js'
import type { Make, Open } from './parts/start.js'
import './parts/files.js'
import './parts/start.js'
import './parts/summary.js'

/**
 * `<stevedore-inspector src="docker://…">`: an image, shown. With the attribute `page` it is the whole page: it takes what is
 * dropped or pasted anywhere, and keeps its state in the fragment of the URL.
 */
export class Inspector extends LitElement {
  static override properties = { src: {}, page: { type: Boolean, reflect: true }, view: { state: true }, over: { state: true } }
  declare src: string
  declare page: boolean
  declare view: View
  declare over: boolean
  readonly session = new Session()

  static override styles = [tokens, shared, css`
    :host { display: flex; flex-direction: column; background: var(--bg); min-height: 420px; container-type: inline-size; }
    :host([page]) { height: 100dvh; min-height: 0; }
    header { display: flex; gap: 14px; align-items: center; padding: 8px 20px; border-bottom: 1px solid var(--line); background: var(--panel); }
    .mark { font-weight: 650; letter-spacing: -.01em; }
    main { flex: 1; display: flex; flex-direction: column; min-height: 0; }
    st-files { flex: 1; border-top: 1px solid var(--line); background: var(--panel); }
    .busy { display: flex; gap: 12px; align-items: center; padding: 8px 20px; color: var(--dim); font-size: 13px; }
    progress { accent-color: var(--accent); width: 180px; }
    .problem { margin: 20px; padding: 14px 18px; border: 1px solid var(--bad); border-left-width: 4px; border-radius: 8px; background: var(--panel); max-width: 90ch; }
    .problem h2 { font-size: 15px; }
    .problem .what { margin-top: 6px; overflow-wrap: anywhere; }
    .kind { color: var(--bad); font-size: 12px; }
    .veil { position: fixed; inset: 0; display: grid; place-items: center; background: color-mix(in srgb, var(--bg) 80%, transparent); border: 3px dashed var(--accent); font-size: 20px; font-weight: 600; z-index: 9; pointer-events: none; }
  `]

  constructor() {
    super()
    this.src = ''
    this.page = false
    this.view = FRESH
    this.over = false
    this.session.addEventListener('change', () => this.requestUpdate())
    this.addEventListener('bring', event => this.#bring((event as Open).make))
    this.addEventListener('choose', event => this.#choose((event as Choose).choice))
    this.addEventListener('go', event => { this.view = { ...this.view, ...(event as Go).change } })
  }

  override connectedCallback(): void {
    super.connectedCallback()
    if (!this.page) return
    addEventListener('dragover', this.#dragged)
    addEventListener('dragleave', this.#left)
    addEventListener('drop', this.#dropped)
    addEventListener('paste', this.#pasted)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    removeEventListener('dragover', this.#dragged)
    removeEventListener('dragleave', this.#left)
    removeEventListener('drop', this.#dropped)
    removeEventListener('paste', this.#pasted)
    this.session.cancel()
  }

  override updated(changed: Map<PropertyKey, unknown>): void {
    if (changed.has('src') && this.src) this.#bring(() => fromReference(this.src))
  }

  #bring(make: Make): void {
    this.view = FRESH
    void this.session.open(signal => make(signal, (done, total) => {
      this.session.progress.set('', { done, total })
      this.session.changed()
    }))
  }

  #choose({ platform, tag }: Choose['choice']): void {
    const { subject } = this.session
    if (!subject) return
    void this.session.open(() => ({ ...subject, suffix: tag === undefined ? subject.suffix : `:${tag}` }), platform ?? '')
  }

  #dragged = (event: DragEvent): void => {
    event.preventDefault()
    this.over = true
  }

  #left = (event: DragEvent): void => {
    if (event.relatedTarget === null) this.over = false
  }

  #dropped = (event: DragEvent): void => {
    event.preventDefault()
    this.over = false
    const subject = event.dataTransfer && fromTransfer(event.dataTransfer)
    if (subject) this.#bring(() => subject)
  }

  #pasted = (event: ClipboardEvent): void => {
    if (event.composedPath()[0] instanceof HTMLInputElement || !event.clipboardData) return
    const subject = fromTransfer(event.clipboardData)
    this.#bring(() => subject)
  }

  override render() {
    const { phase, subject } = this.session
    return html`
      ${this.page ? html`<header><span class="mark">Stevedore</span>${phase === 'empty' ? nothing
        : html`<st-start compact .value=${subject?.kind === 'registry' ? subject.title : ''}></st-start>`}</header>` : nothing}
      <main>
        ${phase === 'empty' ? html`<st-start></st-start>` : nothing}
        <st-summary .session=${this.session} .view=${this.view}></st-summary>
        ${this.#busy()} ${this.#problem()}
        ${this.session.tree.count > 0 ? html`<st-files .session=${this.session} .view=${this.view}></st-files>` : nothing}
      </main>
      ${this.over ? html`<div class="veil">Drop it to look inside</div>` : nothing}`
  }

  #busy() {
    const { phase, progress } = this.session
    if (phase !== 'opening' && phase !== 'reading') return nothing
    const all = [...progress.values()]
    const done = all.reduce((sum, p) => sum + p.done, 0)
    const total = all.reduce((sum, p) => sum + p.total, 0)
    return html`<div class="busy" role="status">
      <progress aria-label="Progress" .value=${fraction(done, total)}></progress>
      <span class="num">${phase === 'opening' ? 'Opening' : 'Reading layers'}${total ? `: ${bytes(done)} of ${bytes(total)}` : ''}</span>
      <button class="button" @click=${() => this.session.cancel()}>Stop</button></div>`
  }

  #problem() {
    const { problem } = this.session
    return problem ? html`<section class="problem" role="alert">
      <h2>${problem.title}</h2><p class="what">${problem.message}</p>
      ${problem.hint ? html`<p class="what dim">${problem.hint}</p>` : nothing}
      <p class="kind mono">${problem.kind}</p></section>` : nothing
  }
}

customElements.define('stevedore-inspector', Inspector)
