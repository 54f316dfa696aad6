import { LitElement, css, html, nothing, type TemplateResult } from 'lit'
import { visible } from '../format.js'
import { shared } from '../styles.js'

/** Asks to follow a digest. */
export class Follow extends Event {
  constructor(readonly digest: string) {
    super('follow', { bubbles: true, composed: true })
  }
}

const SPEC = 'https://github.com/opencontainers/image-spec/blob/v1.1.1/'
const DOCKER = 'https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/manifest-v2-2.md'

const MEDIA_TYPES: [RegExp, string][] = [
  [/^application\/vnd\.oci\.image\.index\.v1\+json$/, `${SPEC}image-index.md`],
  [/^application\/vnd\.oci\.image\.manifest\.v1\+json$/, `${SPEC}manifest.md`],
  [/^application\/vnd\.oci\.image\.config\.v1\+json$/, `${SPEC}config.md`],
  [/^application\/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar/, `${SPEC}layer.md`],
  [/^application\/vnd\.oci\.descriptor\.v1\+json$/, `${SPEC}descriptor.md`],
  [/^application\/vnd\.oci\.empty\.v1\+json$/, `${SPEC}manifest.md#guidance-for-an-empty-descriptor`],
  [/^application\/vnd\.docker\.(distribution|container|image)\./, DOCKER],
  [/^application\/vnd\.in-toto\+json$/, 'https://github.com/in-toto/attestation'],
]

/** Longer lists are cut; a document of that length is read as text. */
const MOST = 2000

/** A JSON document whose digests and media types lead on. Everything in it is text. */
export class Json extends LitElement {
  static override properties = { value: { attribute: false }, follow: { attribute: false } }
  declare value: unknown
  /** says which digests lead anywhere */
  declare follow: (digest: string) => boolean

  static override styles = [shared, css`
    :host { font-family: var(--mono); font-size: 12.5px; line-height: 1.55; overflow: auto; padding: 10px 16px; overflow-wrap: anywhere; white-space: pre-wrap; }
    .key { color: light-dark(#4b3f8f, #b3a8f0); }
    .string { color: light-dark(#20603a, #94d1a8); }
    .number { color: light-dark(#8a4a00, #e9b36d); }
    .in { padding-left: 2ch; }
    summary { list-style: none; cursor: default; }
    summary::-webkit-details-marker { display: none; }
    details:not([open]) > summary::after { content: ' … '; color: var(--dim); }
    a, .link { color: var(--accent); font: inherit; cursor: pointer; overflow-wrap: anywhere; white-space: pre-wrap; text-align: left; }
    .cut { color: var(--dim); }
  `]

  constructor() {
    super()
    this.follow = () => false
  }

  override render() {
    return this.#value(this.value, '', '')
  }

  #value(value: unknown, before: TemplateResult | string, after: string): TemplateResult {
    if (typeof value === 'object' && value !== null) return this.#group(value, before, after)
    return html`<div>${before}${this.#plain(value)}${after}</div>`
  }

  #group(value: object, before: TemplateResult | string, after: string): TemplateResult {
    const list = Array.isArray(value)
    const entries = Object.entries(value)
    const [open, close] = list ? ['[', ']'] : ['{', '}']
    if (entries.length === 0) return html`<div>${before}${open}${close}${after}</div>`
    const shown = entries.slice(0, MOST)
    return html`<details open><summary>${before}${open}</summary><div class="in">${shown.map(([key, v], i) =>
      this.#value(v, list ? '' : html`<span class="key">${visible(JSON.stringify(key))}</span>: `, i < entries.length - 1 ? ',' : ''))}${
      entries.length > MOST ? html`<div class="cut">… and ${entries.length - MOST} more</div>` : nothing}</div><div>${close}${after}</div></details>`
  }

  #plain(value: unknown): TemplateResult {
    const text = visible(JSON.stringify(value))
    if (typeof value !== 'string') return html`<span class="number">${text}</span>`
    if (/^sha(256|384|512):[0-9a-f]+$/.test(value) && this.follow(value)) {
      const follow = () => this.dispatchEvent(new Follow(value))
      return html`"<span class="link" role="link" tabindex="0" @click=${follow} @keydown=${(e: KeyboardEvent) => e.key === 'Enter' && follow()}>${value}</span>"` // a button is not broken at the end of a line
    }
    const about = MEDIA_TYPES.find(([type]) => type.test(value))?.[1]
    if (about) return html`"<a href=${about} target="_blank" rel="noopener noreferrer">${visible(value)}</a>"`
    return html`<span class="string">${text}</span>`
  }
}

customElements.define('st-json', Json)
