import { css, html, nothing } from 'lit'
import { attachedTo } from '../artifact.js'
import { bytes, short, visible } from '../format.js'
import { shared } from '../styles.js'
import type { View } from '../view.js'
import { kindWords, sentences } from '../words.js'
import { Part } from './part.js'
import { Again } from './problem.js'

/** Asks for another platform or tag of what is open, or for another manifest beside it. */
export class Choose extends Event {
  constructor(readonly choice: { platform?: string; tag?: string; digest?: string; view?: Partial<View> }) {
    super('choose', { bubbles: true, composed: true })
  }
}

/** So many attached things are named. */
const MOST = 12

/** What the image is, in words, and what else there is to choose. */
export class Summary extends Part {
  static override styles = [shared, css`
    :host { padding: 14px 20px 12px; }
    .title { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; }
    h1 { font-size: 18px; line-height: 1.3; font-weight: 620; letter-spacing: -.01em; overflow-wrap: anywhere; }
    label { display: inline-flex; align-items: center; gap: 6px; color: var(--dim); font-size: 13px; }
    select { border: 1px solid var(--line); border-radius: 6px; background: var(--panel); color: var(--text); padding: 2px 6px; max-width: 260px; }
    .words { margin-top: 4px; max-width: 130ch; text-wrap: pretty; overflow-wrap: anywhere; }
    .earlier { color: var(--dim); }
    .digest { font-size: 12px; }
    .take { padding: 1px 10px; font-size: 13px; margin-left: auto; }
    @container (max-width: 720px) { .digest { display: none; } .take { margin-left: 0; } }
  `]

  override render() {
    const { summary, subject } = this.session
    if (!summary || !subject) return nothing
    const words = summary.image ? [...sentences(summary.image), ...this.#unseen()] : [kindWords(summary)]
    const digest = summary.image?.digest ?? summary.digest
    return html`
      <div class="title">
        <h1 title=${subject.title}>${visible(subject.title.replace(/(@\w+:[0-9a-f]{12})[0-9a-f]+$/, '$1…'))}</h1>
        ${this.#tags()} ${this.#platforms()}
        <button class="link mono digest" title="Show the manifest of ${digest}" @click=${() => this.go({ tab: 'manifest', doc: '' })}>${short(digest)}</button>
        <button class="button take" @click=${() => this.go({ tab: 'copy', path: '' })}>Copy or download…</button>
      </div>
      <p class="words">${words.join(' ')} ${this.#related()} ${this.#earlier()}</p>`
  }

  /** What refers to it, and what it refers to. */
  #related() {
    const summary = this.session.summary!
    const to = (digest: string, words: string) => html`<button class="link" title=${digest} @click=${() => this.dispatchEvent(new Choose({ digest }))}>${visible(words)}</button>`
    const attached = attachedTo(summary, this.session.referrers)
    return html`
      ${summary.subject ? html`It is about ${to(summary.subject.digest, short(summary.subject.digest))}.` : nothing}
      ${attached.length > 0 ? html`<span class="attached">Attached to it: ${attached.slice(0, MOST).map(({ digest, words }, i) => html`${i > 0 ? ', ' : ''}${to(digest, words)}`)}${attached.length > MOST ? ` and ${attached.length - MOST} more` : ''}.</span>` : nothing}`
  }

  /** Where what is shown was not read now. */
  #earlier() {
    const { earlier, checked: { done, total } } = this.session
    if (!earlier) return nothing
    if (earlier === 'checking') return html`<span class="earlier num" role="status">Shown as an earlier visit found it; the file is being checked, ${bytes(done)} of ${bytes(total)}.</span>`
    return html`<span class="earlier">Shown as an earlier visit found it. <button class="link" @click=${() => this.dispatchEvent(new Again(undefined, true))}>Read again</button></span>`
  }

  /** What is in the layers and seen no more. */
  #unseen(): string[] {
    const { layers, merged } = this.session
    const lost = layers.reduce((sum, { stats }) => sum + (stats ? stats.hidden.bytes + stats.replaced : 0), 0)
    return merged && lost > 0 ? [`${bytes(lost)} of its layers are seen no more, since later ones remove or replace them.`] : []
  }

  #tags() {
    const { tags, subject } = this.session
    if (tags.length < 2) return nothing
    const choose = (e: Event) => this.dispatchEvent(new Choose({ tag: (e.target as HTMLSelectElement).value }))
    return html`<label>Image <select @change=${choose}>
      ${tags.includes(subject!.suffix.slice(1)) ? nothing : html`<option disabled selected>${short(subject!.suffix.slice(1))}</option>`}
      ${tags.map(tag => html`<option value=${tag} .selected=${subject!.suffix === `:${tag}`}>${visible(tag)}</option>`)}
    </select></label>`
  }

  #platforms() {
    const { summary } = this.session
    const names = this.session.platforms
    if (names.length < 2 && summary?.image) return nothing
    const now = summary?.manifests?.find(m => m.digest === summary.image?.digest)?.platform ?? ''
    const choose = (e: Event) => this.dispatchEvent(new Choose({ platform: (e.target as HTMLSelectElement).value }))
    return names.length === 0 ? nothing : html`<label>Platform <select id="platform" @change=${choose}>
      ${now ? nothing : html`<option value="" selected>choose…</option>`}
      ${names.map(name => html`<option value=${name} .selected=${name === now}>${visible(name)}</option>`)}
    </select></label>`
  }
}

customElements.define('st-summary', Summary)
