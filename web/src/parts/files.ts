import { css, html, nothing, type TemplateResult } from 'lit'
import { bytes, count, plural, visible } from '../format.js'
import { search } from '../search.js'
import { hue, layered, shared } from '../styles.js'
import { type Node, ROOT, type Tree } from '../tree.js'
import { Part } from './part.js'
import { type Rows, rowed } from './rows.js'

const ROW = 24

/** The file system as a tree, or what of it matches a search. Only what is in sight is drawn. */
export class Files extends Part {
  static override styles = [shared, layered, rowed, css`
    :host { display: flex; flex-direction: column; min-height: 0; min-width: 0; container-type: inline-size; }
    .bar { display: flex; gap: 10px; align-items: center; padding: 8px 12px; }
    .bar .field { flex: 1; padding-block: 3px; font-size: 13px; }
    .bar .dim { font-size: 12.5px; white-space: nowrap; }
    .head, .row { display: grid; grid-template-columns: minmax(0, 1fr) 70px 72px 76px 30px; gap: 10px; padding: 0 12px; align-items: center; }
    .head { color: var(--dim); font-size: 12px; border-block: 1px solid var(--line); min-height: 25px; scrollbar-gutter: stable; overflow: hidden; }
    .head button { color: inherit; }
    .head button[aria-pressed=true] { color: var(--text); font-weight: 600; }
    .row { height: ${ROW}px; cursor: default; white-space: nowrap; font-size: 13px; }
    .row:hover { background: var(--raised); }
    .row.on { background: var(--select); }
    st-rows { flex: 1; min-height: 120px; scrollbar-gutter: stable; }
    st-rows:focus-visible { outline-offset: -2px; }
    .name { display: flex; align-items: center; min-width: 0; gap: 4px; }
    .twist { width: 14px; flex: none; color: var(--dim); text-align: center; font-size: 9px; }
    .folder { font-weight: 550; }
    .gone { color: var(--bad); text-decoration: line-through; }
    .name > .clip { flex: none; max-width: calc(100% - 18px); }
    .in, .to { color: var(--dim); overflow: hidden; text-overflow: ellipsis; min-width: 0; }
    .size { text-align: right; }
    .share { height: 6px; border-radius: 3px; background: var(--raised); overflow: hidden; }
    .share i { display: block; height: 100%; background: light-dark(#7fa9bd, #4d7f99); border-radius: 3px; }
    .on .share { background: light-dark(#c9dde7, #2a4857); }
    .what { font-size: 12px; }
    .none { padding: 20px 12px; color: var(--dim); }
    @container (max-width: 520px) {
      .head, .row { grid-template-columns: minmax(0, 1fr) 66px 30px; }
      .wide { display: none; }
    }
  `]

  #open = new Set<number>()
  #tree: Tree | undefined
  #list: Int32Array = new Int32Array()
  #found: Int32Array | undefined
  #more = false
  #query = ''
  #searching: AbortController | undefined
  #shown = ''

  get #rows(): Rows | null {
    return this.renderRoot.querySelector('st-rows')
  }

  override render() {
    const tree = this.shownTree
    if (tree !== this.#tree) {
      this.#tree = tree
      this.#open = new Set([ROOT])
      this.#query = ''
      this.#found = undefined
      this.#searching?.abort() // it would find nodes of the other tree
    }
    this.#search(tree)
    this.#reveal(tree)
    this.#list = this.#found ? this.#sorted(tree, this.#found) : this.#spread(tree)
    return html`
      <div class="bar">
        <label class="sr" for="q">Search files</label>
        <input id="q" class="field" type="search" placeholder="Search by name, or by pattern: **/*.so" .value=${this.view.query} autocomplete="off" autocapitalize="off" spellcheck="false" @input=${this.#typed}>
        ${this.onlyLayer()}
        <span class="dim num" role="status">${this.#counted(tree)}</span>
      </div>
      ${this.#head()}
      <st-rows role="tree" tabindex="0" aria-label="Files" .count=${this.#list.length} .height=${ROW} .row=${(i: number) => this.#row(i)}
        aria-activedescendant=${this.#at >= 0 ? `row-${this.#at}` : nothing} @keydown=${this.#key}></st-rows>`
  }

  #head() {
    const { sort } = this.view
    const by = (what: 'name' | 'size') => () => this.go({ sort: what }, true)
    return html`<div class="head">
      <button class="plain" aria-pressed=${sort === 'name'} @click=${by('name')}>Name</button>
      <button class="plain size" aria-pressed=${sort === 'size'} title="The largest first" @click=${by('size')}>Size</button>
      <span class="wide"></span><span class="wide">${this.session.image ? 'Mode' : nothing}</span><span title="The layer that has it">${this.session.image ? 'Layer' : nothing}</span>
    </div>`
  }

  #counted(tree: Tree): string {
    if (this.#found) return `${count(this.#found.length)}${this.#more ? '+' : ''} found`
    if (this.view.layer !== undefined) return plural(this.session.layers[this.view.layer]?.entries.count ?? tree.count, 'entry', 'entries')
    if (this.session.merged) return plural(tree.root.files, 'file')
    return this.session.busy ? 'reading…' : tree.count > 0 ? `${plural(tree.root.files, 'file')}, incomplete` : 'not read'
  }

  override updated(): void {
    if (this.view.path === this.#shown) return
    if (!this.view.path || this.#at >= 0) {
      this.#shown = this.view.path
      if (this.#at >= 0) void this.#rows?.updateComplete.then(() => this.#rows?.show(this.#at))
    }
  }

  /** Opens the folders above what is selected, when it comes from elsewhere. */
  #reveal(tree: Tree): void {
    if (!this.view.path || this.view.path === this.#shown) return
    for (let n = tree.find(this.view.path)?.parent; n; n = n.parent) this.#open.add(n.number)
  }

  #search(tree: Tree): void {
    const key = this.view.query ? `${this.view.query}\0${tree.version}` : ''
    if (key === this.#query) return
    this.#query = key
    this.#searching?.abort()
    if (!key) {
      this.#found = undefined
      return
    }
    const abort = (this.#searching = new AbortController())
    search(tree, this.view.query, abort.signal).then(({ found, more }) => {
      if (abort.signal.aborted) return
      this.#found = found
      this.#more = more
      this.requestUpdate()
    }).catch(() => {}) // another search took its place
  }

  #typed = (event: Event): void => this.go({ query: (event.target as HTMLInputElement).value }, true)

  #sorted(tree: Tree, nodes: Int32Array): Int32Array {
    return this.view.sort === 'size' ? tree.largestFirst(nodes) : nodes
  }

  /** What is in open folders, as pieces of the lists of their children: there may be a hundred thousand in one. */
  #spread(tree: Tree): Int32Array {
    const open = new Map<number, number[]>()
    for (const node of this.#open) open.set(tree.parent(node), [...(open.get(tree.parent(node)) ?? []), node])
    const pieces: Int32Array[] = []
    const add = (folder: number): void => {
      const kids = this.view.sort === 'size' ? tree.bySize(folder) : tree.kids(folder)
      let from = 0
      for (const at of (open.get(folder) ?? []).map(node => kids.indexOf(node)).sort((a, b) => a - b)) {
        pieces.push(kids.subarray(from, at + 1))
        from = at + 1
        add(kids[at]!)
      }
      pieces.push(kids.subarray(from))
    }
    add(ROOT)
    return joined(pieces)
  }

  get #at(): number {
    if (!this.view.path) return -1
    const node = this.#tree?.find(this.view.path)
    return node ? this.#list.indexOf(node.number) : -1
  }

  #row(i: number): TemplateResult {
    const node = this.#tree!.node(this.#list[i]!)
    const { item } = node
    const tree = this.#found === undefined
    const depth = tree ? node.depth : 0
    const open = this.#open.has(node.number)
    const on = this.view.path !== '' && node.path === this.view.path
    const gone = item.type === 'whiteout'
    const share = (100 * node.total) / Math.max(1, node.parent?.total ?? 0)
    return html`<div class="row ${on ? 'on' : ''}" id="row-${i}" role="treeitem" aria-level=${depth + 1} aria-selected=${on}
        aria-expanded=${tree && node.isFolder ? open : nothing} @click=${() => this.#click(node)}>
      <span class="name" .style=${`padding-left: ${depth * 14}px`}>${tree ? html`<span class="twist" aria-hidden="true">${node.isFolder ? (open ? '▼' : '▶') : ''}</span>` : nothing}
        <span class="clip ${node.isFolder ? 'folder' : ''} ${gone ? 'gone' : ''}">${visible(node.name)}</span>${item.linkTarget === undefined ? nothing
          : html`<span class="to">→ ${visible(item.linkTarget)}</span>`}${tree ? nothing : html`<span class="in">${visible(node.parent?.path ?? '')}</span>`}</span>
      <span class="size num ${node.total > 0 ? '' : 'dim'}">${node.isFolder || item.type === 'file' ? bytes(node.isFolder ? node.total : item.size) : ''}</span>
      ${share > 0 ? html`<span class="share wide" aria-hidden="true"><i .style=${`width: ${share}%`}></i></span>` : html`<span class="wide"></span>`}
      <span class="wide dim num clip what">${gone ? 'removed' : item.emptied ? 'emptied' : node.isFolder ? plural(node.files, 'file') : item.mode}</span>
      <span>${item.layer >= 0 ? html`<span class="chip" .style=${hue(item.layer)} title="layer ${item.layer}">${item.layer}</span>` : nothing}</span>
    </div>`
  }

  #click(node: Node): void {
    const narrow = this.clientWidth <= 720 && innerWidth <= 720 // there what is selected covers the tree
    const toggles = node.isFolder && !this.#found
    if (!toggles || !narrow) {
      this.#shown = node.path
      this.go({ path: node.path })
    }
    if (toggles) this.#toggle(node)
  }

  #toggle({ number }: Node, to = !this.#open.has(number)): void {
    if (to) this.#open.add(number)
    else this.#open.delete(number)
    this.requestUpdate()
  }

  /** The keys of a tree (https://www.w3.org/WAI/ARIA/apg/patterns/treeview/). */
  #key = (event: KeyboardEvent): void => {
    const at = this.#at
    const node = at < 0 ? undefined : this.#tree!.node(this.#list[at]!)
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
        if (node?.isFolder && this.#open.has(node.number)) to = Math.min(last, at + 1)
        else if (node?.isFolder) this.#toggle(node, true)
        break
      case 'ArrowLeft':
        if (node && this.#open.has(node.number)) this.#toggle(node, false)
        else if (node?.parent?.parent) to = this.#list.indexOf(node.parent.number)
        break
      case 'Enter': case ' ':
        if (node?.isFolder) this.#toggle(node)
        break
      default: return
    }
    event.preventDefault()
    const target = this.#list[to]
    if (target !== undefined && to !== at) {
      this.go({ path: this.#tree!.node(target).path }, true)
      this.#rows!.show(to)
    }
  }
}

function joined(pieces: Int32Array[]): Int32Array {
  const all = new Int32Array(pieces.reduce((sum, p) => sum + p.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

customElements.define('st-files', Files)
