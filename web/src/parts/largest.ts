import { css, html, nothing, type TemplateResult } from 'lit'
import { bytes, percent, visible } from '../format.js'
import { hue, layered, shared } from '../styles.js'
import type { Tree } from '../tree.js'
import { Part } from './part.js'
import { rowed } from './rows.js'

const MOST = 500

/** The largest files of the image or of one layer, in one list. */
export class Largest extends Part {
  static override styles = [shared, layered, rowed, css`
    :host { display: flex; flex-direction: column; min-height: 0; container-type: inline-size; }
    st-rows { flex: 1; min-height: 120px; }
    .row { display: grid; grid-template-columns: 72px 52px minmax(0, 1fr) 30px; gap: 10px; padding: 0 12px; height: 26px; align-items: center; width: 100%; font-size: 13px; white-space: nowrap; }
    .row:hover { background: var(--raised); }
    .row[aria-pressed=true] { background: var(--select); }
    .row:focus-visible { outline-offset: -2px; }
    .size, .part { text-align: right; }
    .part { font-size: 12px; }
    .path { display: flex; min-width: 0; }
    .dir { overflow: hidden; text-overflow: ellipsis; color: var(--dim); }
    .path > .clip { flex: none; max-width: 100%; }
    .bar { padding: 8px 12px; border-bottom: 1px solid var(--line); }
    .none { padding: 20px 12px; }
  `]

  #tree: Tree | undefined
  #version = -1
  #list: Int32Array = new Int32Array()

  override render() {
    const tree = this.shownTree
    if (this.#tree !== tree || this.#version !== tree.version) {
      this.#tree = tree
      this.#version = tree.version
      this.#list = tree.largest(tree.leaves, MOST)
    }
    const bar = this.view.layer === undefined ? nothing : html`<div class="bar">${this.onlyLayer()}</div>`
    if (this.#list.length === 0) return html`${bar}<p class="none dim">${this.session.busy ? 'Reading…' : 'There is no file with content.'}</p>`
    return html`${bar}<st-rows aria-label="Largest files" role="group" .count=${this.#list.length} .height=${26} .row=${(i: number) => this.#row(i)}></st-rows>`
  }

  #row(i: number): TemplateResult {
    const node = this.#tree!.node(this.#list[i]!)
    const { path } = node
    const cut = path.lastIndexOf('/') + 1
    return html`<button class="plain row" aria-pressed=${path === this.view.path} @click=${() => this.go({ path })}>
      <span class="size num">${bytes(node.item.size)}</span><span class="part num dim">${percent(node.item.size, this.#tree!.root.total)}</span>
      <span class="path" title=${path}><span class="dir">${visible(path.slice(0, cut))}</span><span class="clip">${visible(path.slice(cut))}</span></span>
      <span>${node.item.layer >= 0 ? html`<span class="chip" .style=${hue(node.item.layer)}>${node.item.layer}</span>` : nothing}</span>
    </button>`
  }
}

customElements.define('st-largest', Largest)
