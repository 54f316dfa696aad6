import { css, html, nothing } from 'lit'
import type { Descriptor } from '../../../wasm/js/verbs.js'
import { blob, document, keep } from '../content.js'
import { short, visible } from '../format.js'
import { type Lead, leadOf } from '../links.js'
import { type Problem, problemOf } from '../problem.js'
import { shared } from '../styles.js'
import type { Follow } from './json.js'
import './json.js'
import { Part } from './part.js'
import type { Again } from './problem.js'
import { Choose } from './summary.js'

/** The config or a manifest, as it was received. */
export class Documents extends Part {
  static override styles = [shared, css`
    :host { display: flex; flex-direction: column; min-height: 0; }
    .bar { display: flex; flex-wrap: wrap; gap: 6px 12px; align-items: center; padding: 8px 12px; border-bottom: 1px solid var(--line); font-size: 13px; }
    .bar .grow { flex: 1; }
    .what { min-width: 0; overflow-wrap: anywhere; }
    st-json { flex: 1; min-height: 0; }
    .button { padding: 2px 10px; }
  `]

  #key = ''
  #bytes: Uint8Array | undefined
  #value: unknown
  #problem: Problem | undefined
  #abort = new AbortController()

  /** "config", "manifest", "index", the digest of another manifest, "config:" and such a digest, or "blob:" and one. */
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
    this.#problem = undefined
    try {
      const bytes = await document(this.session, this.#which, signal)
      if (signal.aborted) return
      this.#value = JSON.parse(new TextDecoder().decode(bytes))
      this.#bytes = bytes
    } catch (err) {
      if (signal.aborted) return
      this.#problem = problemOf(err)
    }
    this.requestUpdate()
  }

  /** It is the document that is wanted again, and not the image. */
  #again = (event: Again): void => {
    event.stopPropagation()
    void this.#load()
    this.requestUpdate()
  }

  override render() {
    const { summary } = this.session
    const which = this.#which
    const index = summary?.kind === 'index'
    const name = which.startsWith('config') ? 'config.json' : which.startsWith('blob:') ? 'blob.json' : which === 'index' ? 'index.json' : 'manifest.json'
    return html`
      <div class="bar">
        <span class="what">${this.#title(which)}</span>
        ${which !== 'config' && index && which !== 'index' ? html`<button class="link" @click=${() => this.go({ doc: 'index' })}>The index</button>` : nothing}
        ${which !== 'config' && this.view.doc && this.session.image ? html`<button class="link" @click=${() => this.go({ doc: '' })}>This image's manifest</button>` : nothing}
        ${this.#opens(which) ? html`<button class="link" @click=${() => this.dispatchEvent(new Choose({ digest: which }))}>Open it</button>` : nothing}
        <span class="grow"></span>
        <button class="button" ?disabled=${!this.#bytes} @click=${() => keep(name, new Blob([this.#bytes as Uint8Array<ArrayBuffer>], { type: 'application/json' }))}>Download</button>
      </div>
      ${this.#problem ? html`<st-problem .problem=${this.#problem} @again=${this.#again}></st-problem>` : nothing}
      ${this.#bytes ? html`<st-json tabindex="0" role="region" aria-label="JSON" .value=${this.#value} .follow=${(digest: string) => this.#lead(digest) !== undefined}
        @follow=${(e: Follow) => void this.#follow(e.digest)}></st-json>` : nothing}`
  }

  /** The manifest of something other than an image (a signature, an SBOM, an attestation), or what such a thing is about. */
  #opens(which: string): boolean {
    if (!which.startsWith('sha') || !this.#bytes) return false
    if (which === this.session.summary?.subject?.digest) return true
    const { config, layers } = (this.#value ?? {}) as { config?: Partial<Descriptor>; layers?: (Partial<Descriptor> | null)[] }
    const statements = Array.isArray(layers) && layers.length > 0 && layers.every(l => l?.mediaType === 'application/vnd.in-toto+json')
    return statements || (config !== undefined && !/\.(image|container\.image)\./.test(String(config?.mediaType)))
  }

  #title(which: string): string {
    const { image, summary } = this.session
    if (which === 'config') return 'How a container of this image is run, and how it was made'
    if (which === 'index' && summary?.kind !== 'index') return `Manifest ${short(summary?.digest ?? '')}: the parts of the artifact`
    if (which === 'index') return `Index ${short(summary?.digest ?? '')}: what there is for each platform`
    if (which.startsWith('blob:')) return `Blob ${short(which.slice('blob:'.length))}`
    const platform = summary?.manifests?.find(m => m.digest === which.replace('config:', ''))?.platform
    if (which.startsWith('config:')) return `Config of ${visible(platform ?? 'another image')}`
    if (platform && !platform.startsWith('unknown') && which !== 'manifest') return `Manifest ${short(which)}: the image for ${visible(platform)}`
    return `Manifest ${short(which === 'manifest' ? (image?.digest ?? '') : which)}: the parts of the image`
  }

  #lead = (digest: string): Lead | undefined => leadOf(digest, this.session, this.#which, this.#value)

  async #follow(digest: string): Promise<void> {
    const lead = this.#lead(digest)
    if (!lead) return
    if ('go' in lead) {
      if (lead.platform) this.dispatchEvent(new Choose({ platform: lead.platform, view: lead.go }))
      else this.go(lead.go)
      return
    }
    const { signal } = this.#abort
    try {
      keep(lead.blob.replace(':', '-'), await blob(this.session, lead.blob, signal))
    } catch (err) {
      if (signal.aborted) return
      this.#problem = problemOf(err)
      this.requestUpdate()
    }
  }
}

customElements.define('st-documents', Documents)
