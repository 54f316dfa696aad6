import { css, html, nothing, type PropertyValues } from 'lit'
import { document, keep } from '../content.js'
import { short } from '../format.js'
import { problemOf } from '../problem.js'
import { shared } from '../styles.js'
import type { Follow } from './json.js'
import './json.js'
import { Part } from './part.js'

/** The config or a manifest, as it was received. */
export class Documents extends Part {
  static override styles = [shared, css`
    :host { display: flex; flex-direction: column; min-height: 0; }
    .bar { display: flex; flex-wrap: wrap; gap: 6px 12px; align-items: center; padding: 8px 12px; border-bottom: 1px solid var(--line); font-size: 13px; }
    .bar .grow { flex: 1; }
    .what { min-width: 0; overflow-wrap: anywhere; }
    st-json { flex: 1; min-height: 0; }
    .bad { padding: 16px; color: var(--bad); overflow-wrap: anywhere; }
    .button { padding: 2px 10px; }
  `]

  #key = ''
  #bytes: Uint8Array | undefined
  #value: unknown
  #error = ''
  #abort = new AbortController()

  /** "config", "manifest", "index" or a digest. */
  get #which(): string {
    if (this.view.tab === 'config') return 'config'
    return this.view.doc || (this.session.image ? 'manifest' : 'index')
  }

  override willUpdate(): void {
    super.willUpdate()
    const key = `${this.session.ref} ${this.session.image?.digest} ${this.#which}`
    if (key === this.#key || !this.session.summary) return
    this.#key = key
    void this.#load()
  }

  async #load(): Promise<void> {
    this.#abort.abort()
    const { signal } = (this.#abort = new AbortController())
    this.#bytes = undefined
    this.#error = ''
    try {
      const bytes = await document(this.session, this.#which, signal)
      if (signal.aborted) return
      this.#value = JSON.parse(new TextDecoder().decode(bytes))
      this.#bytes = bytes
    } catch (err) {
      if (signal.aborted) return
      this.#error = problemOf(err).message
    }
    this.requestUpdate()
  }

  override updated(_: PropertyValues): void {}

  override render() {
    const { summary } = this.session
    const which = this.#which
    const index = summary?.kind === 'index'
    const name = which === 'config' ? 'config.json' : which === 'index' ? 'index.json' : 'manifest.json'
    return html`
      <div class="bar">
        <span class="what">${this.#title(which)}</span>
        ${which !== 'config' && index && which !== 'index' ? html`<button class="link" @click=${() => this.go({ doc: 'index' })}>The index</button>` : nothing}
        ${which !== 'config' && this.view.doc && this.session.image ? html`<button class="link" @click=${() => this.go({ doc: '' })}>This image's manifest</button>` : nothing}
        <span class="grow"></span>
        <button class="button" ?disabled=${!this.#bytes} @click=${() => keep(name, new Blob([this.#bytes as Uint8Array<ArrayBuffer>], { type: 'application/json' }))}>Download</button>
      </div>
      ${this.#error ? html`<p class="bad" role="alert">${this.#error}</p>` : nothing}
      ${this.#bytes ? html`<st-json tabindex="0" role="region" aria-label="JSON" .value=${this.#value} .follow=${(digest: string) => this.#leads(digest) !== undefined}
        @follow=${(e: Follow) => this.#leads(e.digest)?.()}></st-json>` : nothing}`
  }

  #title(which: string): string {
    const { image, summary } = this.session
    if (which === 'config') return 'How a container of this image is run, and how it was made'
    if (which === 'index') return `Index ${short(summary?.digest ?? '')}: what there is for each platform`
    return `Manifest ${short(which === 'manifest' ? (image?.digest ?? '') : which)}: the parts of the image`
  }

  /** Where a digest leads. */
  #leads(digest: string): (() => void) | undefined {
    const { layers, summary } = this.session
    const layer = layers.find(l => l.digest === digest) ?? layers[this.session.image?.layers.findIndex(l => l.diffId === digest) ?? -1]
    if (layer) return () => this.go({ tab: 'files', layer: layer.index, path: '', query: '' })
    if (summary?.manifests?.some(m => m.digest === digest) && digest !== summary.image?.digest) return () => this.go({ tab: 'manifest', doc: digest })
    if (digest === summary?.image?.digest) return () => this.go({ tab: 'manifest', doc: '' })
    if (digest === summary?.digest) return () => this.go({ tab: 'manifest', doc: 'index' })
    const config = (this.#value as { config?: { digest?: string } } | undefined)?.config?.digest
    return digest === config && this.#which === 'manifest' ? () => this.go({ tab: 'config', doc: '' }) : undefined
  }
}

customElements.define('st-documents', Documents)
