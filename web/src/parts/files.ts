import { css, html, nothing, type TemplateResult } from 'lit'
import { bytes, count, percent, plural, visible } from '../format.js'
import { hue, layered, shared } from '../styles.js'
import type { Node } from '../tree.js'
import { Part } from './part.js'
import type { Rows } from './rows.js'
import { rowed } from './rows.js'

interface Row { node: Node; depth: number }

const ROW = 24

/** The file system as a tree of which only what is in sight is drawn. */
export class Files extends Part {
  static override styles = [shared, layered, rowed, css`
    :host { display: flex; flex-direction: column; min-height: 0; }
    .bar { display: flex; gap: 10px; align-items: center; padding: 8px 12px; border-bottom: 1px solid var(--line); }
    .bar .field { flex: 1; padding-block: 3px; }
    .head, .row { display: grid; grid-template-columns: minmax(0, 1fr) 78px 96px 84px 40px; gap: 12px; padding: 0 12px; align-items: center; }
    .head { color: var(--dim); font-size: 12px; border-bottom: 1px solid var(--line); min-height: 26px; }
    .head button { color: inherit; text-align: left; }
    .head button[aria-pressed=true] { color: var(--text); font-weight: 600; }
    .row { height: ${ROW}px; cursor: default; white-space: nowrap; font-size: 13px; }
    .row:hover { background: var(--raised); }
    .row.on { background: var(--select); }
    st-rows { flex: 1; min-height: 160px; }
    st-rows:focus-visible { outline-offset: -2px; }
    .name { display: flex; align-items: center; min-width: 0; gap: 4px; }
    .twist { width: 14px; flex: none; color: var(--dim); text-align: center; font-size: 10px; }
    .folder { font-weight: 550; }
    .to { color: var(--dim); overflow: hidden; text-overflow: ellipsis; }
    .size { text-align: right; }
    .share { height: 6px; border-radius: 3px; background: var(--raised); overflow: hidden; }
    .share i { display: block; height: 100%; background: light-dark(#7fa9bd, #4d7f99); border-radius: 3px; }
    .on .share { background: light-dark(#c9dde7, #2a4857); }
    .none { padding: 24px 12px; color: var(--dim); }
    @media (max-width: 900px) {
      .head, .row { grid-template-columns: minmax(0, 1fr) 74px 40px; }
      .wide { display: none; }
    }
  `]

  #open = new Set<Node>()
  #list: Row[] = []

  get #rows(): Rows | null {
    return this.renderRoot.querySelector('st-rows')
  }

  override render() {
    const { tree } = this.session
    if (this.#open.size === 0) this.#open.add(tree.root)
    if (!this.#open.has(tree.root)) this.#open = new Set([tree.root])
    this.#list = []
    this.#spread(tree.root, 0)
    const { sort } = this.view
    const by = (what: 'name' | 'size') => () => this.go({ sort: what }, true)
    return html`
      <div class="head">
        <button class="plain" aria-pressed=${sort === 'name'} @click=${by('name')}>Name</button>
        <button class="plain size" aria-pressed=${sort === 'size'} @click=${by('size')}>Size</button>
        <span class="wide" aria-hidden="true"></span><span class="wide">Mode</span><span>Layer</span>
      </div>
      <st-rows role="tree" tabindex="0" aria-label="Files" .count=${this.#list.length} .height=${ROW} .row=${this.#row}
        aria-activedescendant=${this.#at >= 0 ? `row-${this.#at}` : nothing} @keydown=${this.#key}></st-rows>`
  }

  #spread(folder: Node, depth: number): void {
    for (const node of this.view.sort === 'size' ? folder.bySize : folder.kids) {
      this.#list.push({ node, depth })
      if (this.#open.has(node)) this.#spread(node, depth + 1)
    }
  }

  get #at(): number {
    if (!this.view.path) return -1
    const node = this.session.tree.find(this.view.path)
    return node ? this.#list.findIndex(row => row.node === node) : -1
  }

  #row = (i: number): TemplateResult => {
    const { node, depth } = this.#list[i]!
    const { item } = node
    const open = this.#open.has(node)
    const on = this.view.path !== '' && node.path === this.view.path
    const size = node.isFolder ? node.total : item.size
    const what = node.isFolder ? plural(node.files, 'file') : item.mode
    return html`<div class="row ${on ? 'on' : ''}" id="row-${i}" role="treeitem" aria-level=${depth + 1} aria-selected=${on}
        aria-expanded=${node.isFolder ? open : nothing} @click=${() => this.#click(node)}>
      <span class="name" .style=${`padding-left: ${depth * 14}px`}><span class="twist" aria-hidden="true">${node.isFolder ? (open ? '▼' : '▶') : ''}</span>
        <span class="clip ${node.isFolder ? 'folder' : ''}">${visible(node.name)}</span>${item.linkTarget === undefined ? nothing : html`<span class="to">→ ${visible(item.linkTarget)}</span>`}</span>
      <span class="size num">${node.isFolder || item.type === 'file' ? bytes(size) : ''}</span>
      <span class="share wide" title=${percent(node.total, node.parent?.total ?? 0)}><i .style=${`width: ${(100 * node.total) / Math.max(1, node.parent?.total ?? 0)}%`}></i></span>
      <span class="wide dim num clip" title=${count(node.files)}>${what}</span>
      <span>${item.layer >= 0 ? html`<span class="chip" .style=${hue(item.layer)} title="layer ${item.layer}">${item.layer}</span>` : nothing}</span>
    </div>`
  }

  #click(node: Node): void {
    if (node.isFolder) this.#toggle(node)
    this.go({ path: node.path })
  }

  #toggle(node: Node, to = !this.#open.has(node)): void {
    if (to) this.#open.add(node)
    else this.#open.delete(node)
    this.requestUpdate()
  }

  /** The keys of a tree (https://www.w3.org/WAI/ARIA/apg/patterns/treeview/). */
  #key = (event: KeyboardEvent): void => {
    const at = this.#at
    const node = this.#list[at]?.node
    const last = this.#list.length - 1
    let to = at
    switch (event.key) {
      case 'ArrowDown': to = Math.min(last, at + 1); break
      case 'ArrowUp': to = Math.max(0, at - 1); break
      case 'PageDown': to = Math.min(last, at + this.#rows!.page); break
      case 'PageUp': to = Math.max(0, at - this.#rows!.page); break
      case 'Home': to = 0; break
      case 'End': to = last; break
      case 'ArrowRight':
        if (node?.isFolder && this.#open.has(node)) to = Math.min(last, at + 1)
        else if (node?.isFolder) this.#toggle(node, true)
        break
      case 'ArrowLeft':
        if (node && this.#open.has(node)) this.#toggle(node, false)
        else if (node?.parent?.parent) to = this.#list.findIndex(row => row.node === node.parent)
        break
      case 'Enter': case ' ':
        if (node?.isFolder) this.#toggle(node)
        break
      default: return
    }
    event.preventDefault()
    const target = this.#list[to]?.node
    if (target && to !== at) {
      this.go({ path: target.path }, true)
      this.#rows!.show(to)
    }
  }
}

customElements.define('st-files', Files)
