import { LitElement, css, html, nothing, type PropertyValues } from 'lit'
import { Address } from './address.js'
import { bytes, fraction } from './format.js'
import { forgetInput, keepInput, keptInput } from './inputs.js'
import { EXAMPLE, fromExample, fromFile, fromReference, fromTransfer, type Subject } from './loader.js'
import { Pace } from './pace.js'
import { Session } from './session.js'
import { settled } from './settle.js'
import { shared, tokens } from './styles.js'
import { FRESH, type Go, type Place, TABS, type Tab, type View } from './view.js'
import type { Again } from './parts/problem.js'
import type { Make, Open } from './parts/start.js'
import type { Choose } from './parts/summary.js'
import './parts/copy.js'
import './parts/documents.js'
import './parts/files.js'
import './parts/foot.js'
import './parts/incomplete.js'
import './parts/largest.js'
import './parts/layers.js'
import './parts/map.js'
import './parts/problem.js'
import './parts/running.js'
import './parts/start.js'
import './parts/summary.js'
import './parts/viewer.js'

const TITLES: Record<Tab, string> = { files: 'Files', layers: 'Layers', largest: 'Largest', map: 'Map', config: 'Config', manifest: 'Manifest', copy: 'Copy' }

/** What needs all of the place, and has no file beside it. */
const ALONE: Tab[] = ['config', 'manifest', 'copy']

/**
 * `<stevedore-inspector src="docker://…">`: an image, shown. With the attribute `page` it is the whole page: it takes what is
 * dropped or pasted anywhere, and keeps its state in the fragment of the URL.
 */
export class Inspector extends LitElement {
  static override properties = { src: {}, page: { type: Boolean, reflect: true }, view: { state: true }, over: { state: true }, lost: { state: true } }
  declare src: string
  declare page: boolean
  declare view: View
  declare over: boolean
  /** a file that was open before the page was loaded anew */
  declare lost: string
  readonly session = new Session()
  #address: Address | undefined
  #make: Make | undefined
  #located: Place = NOWHERE
  #kept: Subject | undefined
  /** what comes next is a new place in the history */
  #fresh = false

  static override styles = [tokens, shared, css`
    :host { display: flex; flex-direction: column; background: var(--bg); height: 640px; container-type: inline-size; overflow: hidden; }
    :host([page]) { height: 100dvh; }
    header { display: flex; gap: 16px; align-items: center; padding: 7px 20px; border-bottom: 1px solid var(--line); background: var(--panel); flex: none; }
    .mark { border: 0; background: none; padding: 0; display: flex; gap: 8px; align-items: center; font-weight: 650; letter-spacing: -.01em; }
    .mark svg { width: 18px; height: 18px; fill: var(--accent); }
    main { flex: 1; display: flex; flex-direction: column; min-height: 0; }
    main.start { overflow: auto; }
    st-running, st-summary, st-layers[bar], .busy, st-problem { flex: none; }
    .work { flex: 1; min-height: 0; display: grid; grid-template: "layers panel" minmax(0, 1fr) / 320px minmax(0, 1fr); border-top: 1px solid var(--line); }
    .work.viewing { grid-template: "layers panel viewer" minmax(0, 1fr) / 280px minmax(0, 10fr) minmax(0, 11fr); }
    .work.flat { grid-template: "panel" minmax(0, 1fr) / minmax(0, 1fr); }
    .work.flat.viewing { grid-template: "panel viewer" minmax(0, 1fr) / minmax(0, 2fr) minmax(0, 3fr); }
    .layers { grid-area: layers; border-right: 1px solid var(--line); }
    .panel { grid-area: panel; display: flex; flex-direction: column; min-height: 0; min-width: 0; background: var(--panel); }
    .panel > :last-child { flex: 1; min-height: 0; }
    st-viewer { grid-area: viewer; border-left: 1px solid var(--line); }
    .tabs { position: relative; display: flex; gap: 2px; padding: 0 8px; border-bottom: 1px solid var(--line); overflow-x: auto; scrollbar-width: none; flex: none; }
    .tabs button { border: 0; background: none; padding: 8px 10px 7px; font-size: 13.5px; color: var(--dim); border-bottom: 2px solid transparent; }
    .tabs button:hover { color: var(--text); }
    .tabs button[aria-selected=true] { color: var(--text); font-weight: 600; border-bottom-color: var(--accent); }
    .tabs button:focus-visible { outline-offset: -3px; }
    .busy { display: flex; gap: 12px; align-items: center; padding: 0 20px 10px; color: var(--dim); font-size: 13px; }
    .busy.first { padding-top: 20px; }
    .busy .button { padding: 1px 10px; font-size: 13px; }
    progress { accent-color: var(--accent); width: 180px; height: 8px; }
    .warnings { padding: 0 20px 10px; font-size: 12.5px; color: var(--warn); flex: none; max-height: 80px; overflow: auto; overflow-wrap: anywhere; }
    .veil { position: fixed; inset: 8px; display: grid; place-items: center; background: color-mix(in srgb, var(--bg) 88%, transparent); border: 2px dashed var(--accent); border-radius: 12px; font-size: 20px; font-weight: 600; z-index: 9; pointer-events: none; }
    .lost { max-width: 600px; margin: 20px auto 0; padding: 10px 16px; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); overflow-wrap: anywhere; }
    @container (max-width: 1080px) {
      .work { grid-template-columns: 240px minmax(0, 1fr); }
      .work.viewing { grid-template: "panel viewer" minmax(0, 1fr) / minmax(0, 1fr) minmax(0, 1.1fr); }
      .work.viewing .layers { display: none; }
    }
    .only-viewing { display: none; }
    @container (max-width: 720px) {
      header { padding: 7px 12px; gap: 10px; }
      .mark span { display: none; }
      .work, .work.viewing, .work.flat.viewing { grid-template: "panel" minmax(0, 1fr) / minmax(0, 1fr); }
      .work .layers { display: none; }
      .work.viewing st-viewer { grid-area: panel; border: 0; z-index: 1; }
      main:has(.work.viewing) > :is(st-summary, st-layers, .warnings) { display: none; }
      .only-viewing { display: block; }
      main:has(> st-problem) { overflow: auto; }
      main:has(> st-problem) .work { flex: 1 0 440px; }
    }
    .tabs .only-narrow:not([aria-selected=true]) { display: none; }
    @container (max-width: 720px) { .tabs .only-narrow:not([aria-selected=true]) { display: block; } }
  `]

  constructor() {
    super()
    this.src = ''
    this.page = false
    this.view = FRESH
    this.over = false
    this.lost = ''
    const pace = new Pace(() => this.#changed())
    this.session.addEventListener('change', () => pace.changed(this.session))
    this.addEventListener('bring', event => this.#brought((event as Open).make))
    this.addEventListener('choose', event => this.#choose((event as Choose).choice))
    this.addEventListener('again', event => this.#again(event as Again))
    this.addEventListener('go', event => this.#go(event as Go))
    this.addEventListener('keydown', this.#key)
  }

  override connectedCallback(): void {
    super.connectedCallback()
    if (!this.page) return
    addEventListener('dragover', this.#dragged)
    addEventListener('dragleave', this.#left)
    addEventListener('drop', this.#dropped)
    addEventListener('paste', this.#pasted)
    this.#address = new Address((place, view) => this.#restore(place, view))
    this.#address.start()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    removeEventListener('dragover', this.#dragged)
    removeEventListener('dragleave', this.#left)
    removeEventListener('drop', this.#dropped)
    removeEventListener('paste', this.#pasted)
    this.#address?.stop()
    this.session.cancel()
    this.session.copying.cancel()
  }

  override updated(changed: PropertyValues): void {
    if (changed.has('src') && this.src) void this.#bring(() => fromReference(this.src))
    requestAnimationFrame(() => this.#showTab()) // with the layout that the frame needs anyway
  }

  #shownTab: Element | null = null

  /** Where the row of tabs is wider than its place, the selected one is in sight. Nothing else is scrolled, as scrollIntoView would. */
  #showTab(): void {
    const tab = this.renderRoot.querySelector<HTMLElement>('[role=tab][aria-selected=true]')
    if (tab === this.#shownTab) return
    this.#shownTab = tab
    const row = tab?.parentElement
    if (tab && row) row.scrollLeft = tab.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2
  }

  #changed(): void {
    this.#locate()
    this.#settle()
    this.#keep()
    this.requestUpdate()
  }

  /** Keeps the address in step with what is open. */
  #locate(): void {
    const place = this.#place
    if (!this.session.subject || same(place, this.#located)) return
    this.#located = place
    this.#address?.write(place, this.view, !this.#fresh)
    this.#fresh = false
  }

  #settle(): void {
    const { view, words } = settled(this.view, this.session)
    if (view === this.view) return
    this.view = view
    this.session.warnings.push(...words)
    this.#address?.write(this.#place, view, true)
  }

  /** Once a file has turned out to be an image, a reload shall find it again. */
  #keep(): void {
    const { phase, subject } = this.session
    if (!this.page || phase !== 'done' || !subject || subject === this.#kept) return
    this.#kept = subject
    const blob = subject.kind === 'file' ? Object.values(subject.inputs ?? {})[0] : undefined
    if (blob) void keepInput(subject.title, blob)
  }

  #bring(make: Make, view = FRESH, platform = '', tag = '', renew = false): Promise<void> {
    this.#make = make
    this.view = view
    this.lost = ''
    return this.session.open(async signal => {
      const subject = await make(signal, (done, total) => {
        this.session.preparing = { done, total }
        this.session.changed()
      })
      return tag ? { ...subject, suffix: tag } : subject
    }, platform, renew)
  }

  /** What a person brings is a new place to come back from. */
  #brought(make: Make): void {
    this.#fresh = true
    void this.#bring(make)
  }

  #restore(place: Place, view: View): void {
    if (this.session.phase !== 'empty' && same(place, this.#place)) {
      this.view = view
      this.#settle()
      return
    }
    this.view = view
    this.#located = place
    this.lost = place.file
    if (EXAMPLE.test(place.ref)) void this.#bring(fromExample, view, place.platform, place.ref.replace(/^example(:$)?/, ''))
    else if (place.ref) void this.#bring(() => fromReference(place.ref), view, place.platform)
    else void this.#found(place, view)
  }

  /** A file has no address, but may be kept. */
  async #found(place: Place, view: View): Promise<void> {
    this.session.reset()
    const file = place.file ? await keptInput(place.file) : undefined
    if (!file || this.session.phase !== 'empty') return
    void this.#bring(async (signal, progress) => {
      const subject = await fromFile(file, signal, progress)
      this.#kept = { ...subject, suffix: place.tag }
      return this.#kept
    }, view, place.platform)
  }

  get #place(): Place {
    const { subject, platform } = this.session
    if (!subject) return NOWHERE
    if (subject.kind === 'example') return { ref: `example${subject.suffix || ':'}`, file: '', tag: '', platform }
    if (subject.kind === 'registry') return { ref: subject.base + subject.suffix, file: '', tag: '', platform }
    return { ref: '', file: subject.title, tag: subject.suffix, platform }
  }

  #choose({ platform, tag, digest, view }: Choose['choice']): void {
    const { subject } = this.session
    this.#fresh = true
    const suffix = digest ? `@${digest}` : tag === undefined ? subject?.suffix : `:${tag}`
    const tab = digest ? FRESH.tab : this.view.tab
    if (subject && suffix !== undefined) void this.#bring(() => ({ ...subject, suffix, title: subject.kind === 'registry' ? subject.base + suffix : subject.title }), { ...FRESH, tab, ...view }, platform ?? '')
  }

  #again({ login, renew }: Again): void {
    const { subject, platform } = this.session
    if (login) this.session.credentials.set(login.registry, login)
    const make = subject ? () => subject : this.#make
    if (make) void this.#bring(make, this.view, platform, '', renew)
  }

  #go({ change, replace }: Go): void {
    const left = change.path === '' && this.shadowRoot?.activeElement?.localName === 'st-viewer'
    if (left) void this.updateComplete.then(() => this.#list?.focus()) // what had the focus goes away
    this.view = { ...this.view, ...change }
    this.#address?.write(this.#place, this.view, replace)
  }

  /** What is chosen from in the panel. */
  get #list(): HTMLElement | null | undefined {
    return this.renderRoot.querySelector('#panel')?.shadowRoot?.querySelector<HTMLElement>('st-rows[tabindex], .row, .box')
  }

  #home = (): void => {
    void forgetInput()
    this.session.reset()
    this.view = FRESH
    this.#make = undefined
    this.#located = NOWHERE
    this.#address?.write(this.#place, this.view, false)
  }

  #key = (event: KeyboardEvent): void => {
    const typing = event.composedPath()[0] instanceof HTMLInputElement
    if (event.key === 'Escape' && this.view.path && !typing) this.#go({ change: { path: '' }, replace: false } as Go)
    if (event.key === '/' && !typing && this.view.tab === 'files') {
      event.preventDefault()
      this.renderRoot.querySelector('st-files')?.shadowRoot?.querySelector('input')?.focus()
    }
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
    if (event.dataTransfer) this.#brought(fromTransfer(event.dataTransfer))
  }

  #pasted = (event: ClipboardEvent): void => {
    if (event.composedPath()[0] instanceof HTMLInputElement || !event.clipboardData) return
    this.#brought(fromTransfer(event.clipboardData))
  }

  override render() {
    const { phase, subject, problem, warnings } = this.session
    const blank = phase === 'empty'
    return html`
      ${this.page ? html`<header><button class="mark" aria-label="Stevedore, start over" @click=${this.#home}>${MARK}<span>Stevedore</span></button>
        ${blank ? nothing : html`<st-start compact .value=${subject?.kind === 'registry' ? subject.title : ''}></st-start>`}</header>` : nothing}
      <main class=${blank ? 'start' : ''}>
        ${this.session.copying.phase !== 'idle' && (!this.session.summary || this.view.tab !== 'copy') ? html`<st-running .session=${this.session} .view=${this.view}></st-running>` : nothing}
        ${blank && this.lost ? html`<p class="lost" role="status"><b>${this.lost}</b> was open here. It stayed on your machine: drop it again to go on where you were.</p>` : nothing}
        ${blank && !this.src ? html`<st-start></st-start>` : nothing}
        ${this.session.summary ? html`<st-summary .session=${this.session} .view=${this.view}></st-summary>` : nothing}
        ${blank || this.session.summary ? nothing : html`<h1 class="sr">Container image</h1>`}
        ${this.#busy()}
        ${problem ? html`<st-problem .problem=${problem}></st-problem>` : nothing}
        ${warnings.length > 0 ? html`<ul class="warnings" tabindex="0" role="list" aria-label="Warnings">${warnings.slice(0, 20).map(w => html`<li>${w}</li>`)}</ul>` : nothing}
        ${this.session.summary ? this.#work() : nothing}
      </main>
      ${this.session.summary ? html`<st-foot .session=${this.session} .view=${this.view}></st-foot>` : nothing}
      ${this.over ? html`<div class="veil">Drop it to look inside</div>` : nothing}`
  }

  #work() {
    const { session, view } = this
    const image = session.image !== undefined
    const tabs = this.#tabs
    const tab = tabs.includes(view.tab) ? view.tab : tabs[0]!
    const viewing = tabs.includes('files') && view.path !== '' && !ALONE.includes(tab)
    return html`
      ${image ? html`<st-layers bar .session=${session} .view=${view}></st-layers>` : nothing}
      ${viewing ? html`<h1 class="sr only-viewing">${view.path}</h1>` : nothing}
      <div class="work ${viewing ? 'viewing' : ''} ${image ? '' : 'flat'}">
        ${image ? html`<st-layers class="layers" .session=${session} .view=${view}></st-layers>` : nothing}
        <div class="panel">
          <div class="tabs" role="tablist" aria-label="What to see" @keydown=${this.#tabKey}>${tabs.map(t => html`<button role="tab" class=${t === 'layers' ? 'only-narrow' : ''} id="tab-${t}" aria-selected=${t === tab}
            aria-controls="panel" tabindex=${t === tab ? 0 : -1} @click=${() => this.#go({ change: { tab: t, doc: '' }, replace: false } as Go)}>${t === 'files' && !image ? 'Content' : TITLES[t]}</button>`)}</div>
          ${image && !ALONE.includes(tab) ? html`<st-incomplete .session=${session} .view=${view}></st-incomplete>` : nothing}
          ${this.#panel(tab)}
        </div>
        ${viewing ? html`<st-viewer role="region" aria-label="Selected" .session=${session} .view=${view}></st-viewer>` : nothing}
      </div>`
  }

  /** What there is to see of an image, of an artifact with its blobs, and of an index that has neither here. */
  get #tabs(): readonly Tab[] {
    if (this.session.image) return TABS
    return this.session.blobs.size > 0 ? ['files', 'manifest', 'copy'] : ['manifest', 'copy']
  }

  #panel(tab: Tab) {
    const { session, view } = this
    switch (tab) {
      case 'files': return html`<st-files role="tabpanel" id="panel" aria-labelledby="tab-files" .session=${session} .view=${view}></st-files>`
      case 'layers': return html`<st-layers role="tabpanel" id="panel" aria-labelledby="tab-layers" .session=${session} .view=${view}></st-layers>`
      case 'largest': return html`<st-largest role="tabpanel" id="panel" aria-labelledby="tab-largest" .session=${session} .view=${view}></st-largest>`
      case 'map': return html`<st-map role="tabpanel" id="panel" aria-labelledby="tab-map" .session=${session} .view=${view}></st-map>`
      case 'copy': return html`<st-copy role="tabpanel" id="panel" aria-labelledby="tab-copy" .session=${session} .view=${view}></st-copy>`
      default: return html`<st-documents role="tabpanel" id="panel" aria-labelledby="tab-${tab}" .session=${session} .view=${view}></st-documents>`
    }
  }

  #tabKey = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (step === 0) return
    event.preventDefault() // the row would scroll by itself
    const tabs = this.#tabs
    const tab = tabs.at((Math.max(tabs.indexOf(this.view.tab), 0) + step) % tabs.length)!
    this.#go({ change: { tab, doc: '' }, replace: true } as Go)
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>(`#tab-${tab}`)?.focus())
  }

  #busy() {
    const { phase, preparing, layers, busy } = this.session
    if (!busy) return nothing
    const done = preparing?.done ?? layers.reduce((sum, l) => sum + l.read, 0)
    const total = preparing?.total ?? layers.reduce((sum, l) => sum + l.size, 0)
    const what = phase === 'reading' ? 'Reading layers' : preparing ? 'Loading' : 'Opening'
    return html`<div class="busy ${phase === 'opening' ? 'first' : ''}" role="status">
      <progress aria-label="Progress" value=${total > 0 ? fraction(done, total) : nothing}></progress>
      <span class="num">${what}${total > 0 ? `, ${bytes(done)} of ${bytes(total)}` : '…'}</span>
      <button class="button" @click=${() => this.session.cancel()}>Stop</button></div>`
  }
}

const MARK = html`<svg viewBox="0 0 32 32" aria-hidden="true"><rect x="3" y="20" width="26" height="7" rx="1.5"/><rect x="3" y="11.5" width="16" height="7" rx="1.5" opacity=".75"/><rect x="20.5" y="11.5" width="8.5" height="7" rx="1.5" opacity=".45"/><rect x="3" y="4" width="9" height="6" rx="1.5" opacity=".5"/></svg>`

const NOWHERE: Place = { ref: '', file: '', tag: '', platform: '' }

const same = (a: Place, b: Place): boolean => a.ref === b.ref && a.file === b.file && a.tag === b.tag && a.platform === b.platform

customElements.define('stevedore-inspector', Inspector)
