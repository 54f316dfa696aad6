import { LitElement, css, html, nothing } from 'lit'
import { forget, keptBytes } from '../../../wasm/js/kept.js'
import { bytes } from '../format.js'
import { fromExample, fromFiles, fromReference, type Subject } from '../loader.js'
import { shared } from '../styles.js'

export type Make = (signal: AbortSignal, progress: (done: number, total: number) => void) => Subject | Promise<Subject>

/** Asks the element to open something. */
export class Open extends Event {
  constructor(readonly make: Make) {
    super('bring', { bubbles: true, composed: true })
  }
}

/** Where a person brings an image, or begins. */
export class Start extends LitElement {
  static override properties = { compact: { type: Boolean, reflect: true }, value: { attribute: false }, kept: { state: true } }
  declare compact: boolean
  declare value: string
  /** bytes of what earlier visits left in the browser's storage */
  declare kept: number

  static override styles = [shared, css`
    form { display: flex; gap: 8px; min-width: 0; flex: 1; }
    .ref { flex: 1; font-family: var(--mono); font-size: 13px; }
    .hero { max-width: 640px; margin: 0 auto; padding: clamp(24px, 9vh, 96px) 20px 32px; }
    h1 { font-size: 26px; line-height: 1.2; font-weight: 620; letter-spacing: -.015em; margin-bottom: 8px; text-wrap: balance; }
    .lead { color: var(--dim); margin-bottom: 24px; font-size: 15px; text-wrap: pretty; }
    .drop {
      display: flex; flex-wrap: wrap; gap: 10px; align-items: center; margin-top: 12px; padding: 22px 20px;
      border: 1.5px dashed light-dark(#b4bab9, #48525b); border-radius: 10px; background: var(--panel);
    }
    .drop p { flex: 1 1 240px; }
    .formats { text-wrap: balance; margin-top: 4px; font-size: 12.5px; color: var(--dim); }
    .else { margin-top: 18px; color: var(--dim); }
    .ref { padding-block: 8px; }
    :host([compact]) { flex: 1; min-width: 0; display: flex; gap: 8px; }
    :host([compact]) .ref { padding-block: 5px; font-size: 12.5px; }
    :host([compact]) form { max-width: 720px; }
    input[type=file] { display: none; }
    .ways { display: flex; gap: 8px; position: static; margin: 0; padding: 0; border: 0; background: none; color: var(--text); overflow: visible; }
    .more { display: none; }
    @container (max-width: 720px) {
      .more { display: block; }
      .ways:not(:popover-open) { display: none; }
      .ways { position: fixed; inset: 50px 12px auto auto; flex-direction: column; padding: 8px; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); box-shadow: 0 6px 20px #0003; }
      .ways .button { padding-block: 8px; }
    }
  `]

  constructor() {
    super()
    this.compact = false
    this.value = ''
    this.kept = 0
  }

  override firstUpdated(): void {
    if (!this.compact) void keptBytes().then(size => { this.kept = size })
  }

  #forget = async (): Promise<void> => {
    await forget()
    this.kept = await keptBytes()
  }

  #open(make: Make): void {
    this.dispatchEvent(new Open(make))
  }

  #submit = (event: Event): void => {
    event.preventDefault()
    const typed = this.renderRoot.querySelector<HTMLInputElement>('.ref')!.value
    this.#open(() => fromReference(typed))
  }

  #picked = (event: Event): void => {
    const input = event.target as HTMLInputElement
    const files = [...(input.files ?? [])].map((f): [string, File] => [f.webkitRelativePath || f.name, f])
    if (files.length > 0) this.#open((signal, progress) => fromFiles(files, signal, progress))
    input.value = ''
  }

  #pick(id: string): void {
    this.renderRoot.querySelector<HTMLInputElement>(id)!.click()
  }

  override render() {
    return this.compact ? html`${this.#form('Open')}${this.#ways()}${this.#pickers()}` : html`
      <div class="hero">
        <h1>Look inside a container image</h1>
        <p class="lead">Its layers, every file, and where the bytes are. The work is done in this tab: nothing is installed and nothing is uploaded.</p>
        ${this.#form('Look inside')}
        <div class="drop">
          <div>
            <p>Or drop an image file or folder anywhere on this page.</p>
            <p class="formats">What <span class="mono">docker save</span>, <span class="mono">podman save</span> or <span class="mono">skopeo copy</span> wrote; an OCI layout; compressed or not.</p>
          </div>
          <button class="button" @click=${() => this.#pick('#file')}>Choose a file</button>
          <button class="button" @click=${() => this.#pick('#folder')}>Choose a folder</button>
          ${this.#pickers()}
        </div>
        <p class="else">No image at hand? <button class="link" id="example" @click=${() => this.#open(fromExample)}>Try the example</button>, a small Linux of four layers.</p>
        ${this.kept > 0 ? html`<p class="else" id="kept">What was looked at before is quick to open: ${bytes(this.kept)} are kept in this browser. <button class="link" @click=${this.#forget}>Forget them</button></p>` : nothing}
      </div>`
  }

  #form(action: string) {
    return html`<form role="search" @submit=${this.#submit}>
      <label class="sr" for="ref">Image reference</label>
      <input id="ref" class="field ref" .value=${this.value} placeholder="alpine:3.20 or ghcr.io/org/app:1.0" autocomplete="off" autocapitalize="off" spellcheck="false" enterkeyhint="go">
      <button class="button ${this.compact ? '' : 'main'}">${action}</button>
    </form>`
  }

  /** Beside the form; where there is no room, behind a button. Each choice closes what that opened. */
  #ways() {
    const way = (words: string, title: string, click: () => void) => html`<button class="button" title=${title} popovertarget="ways" popovertargetaction="hide" @click=${click}>${words}</button>`
    return html`<button class="button more" popovertarget="ways" aria-label="More ways to open an image">More…</button>
      <div class="ways" id="ways" popover role="group" aria-label="Other ways to open an image">
        ${way('File…', 'Open an image file', () => this.#pick('#file'))}
        ${way('Folder…', 'Open a folder with an image', () => this.#pick('#folder'))}
        ${way('Example', 'Open the bundled example', () => this.#open(fromExample))}
      </div>`
  }

  #pickers() {
    return html`
      <input type="file" id="file" tabindex="-1" aria-label="Image file" @change=${this.#picked}>
      <input type="file" id="folder" tabindex="-1" aria-label="Image folder" webkitdirectory @change=${this.#picked}>`
  }
}

customElements.define('st-start', Start)
