import { css, html, nothing, type TemplateResult } from 'lit'
import { bytes, percent, visible } from '../format.js'
import { squarify, type Box } from '../squarify.js'
import { hue, shared } from '../styles.js'
import type { Node } from '../tree.js'
import { Part } from './part.js'
import { Sized } from './sized.js'

/** Boxes smaller than this, in pixels of area, are not drawn: nobody could hit them. */
const LEAST = 240
const TITLE = 17
const MOST = 600

/** Where the bytes are: a box for each file, in the boxes of its folders. */
export class SizeMap extends Part {
  static override styles = [shared, css`
    :host { display: flex; flex-direction: column; min-height: 0; }
    nav { padding: 7px 12px; border-bottom: 1px solid var(--line); font-size: 13px; overflow-wrap: anywhere; }
    .area { flex: 1; position: relative; min-height: 240px; margin: 8px 12px 12px; overflow: hidden; }
    .box {
      position: absolute; border: 1px solid var(--panel); padding: 0 4px; font-size: 11.5px; line-height: 15px; text-align: left; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
      color: var(--text); border-radius: 3px; background: light-dark(oklch(0.9 0.05 var(--hue)), oklch(0.37 0.055 var(--hue)));
    }
    .box.folder { background: light-dark(oklch(0.965 0.004 var(--hue, 240)), oklch(0.29 0.008 var(--hue, 240))); font-weight: 550; display: flex; align-items: flex-start; }
    .box:hover { border-color: var(--accent); z-index: 1; }
    .box:focus-visible { outline-offset: -2px; z-index: 2; }
    .box.on { box-shadow: inset 0 0 0 2px var(--accent); }
    .none { padding: 20px 12px; }
  `]

  constructor() {
    super()
    new Sized(this, () => this.requestUpdate())
  }

  override firstUpdated(): void {
    this.requestUpdate()
  }

  override render() {
    const tree = this.shownTree
    const zoomed = tree.find(this.view.zoom)
    const folder = zoomed?.isFolder ? zoomed : tree.root
    const area = this.renderRoot.querySelector('.area')
    const boxes: TemplateResult[] = []
    if (area) this.#draw(folder.number, { x: 0, y: 0, w: area.clientWidth, h: area.clientHeight }, boxes)
    return html`
      <nav aria-label="Folder shown">${this.onlyLayer()} ${this.#crumbs(folder)} <span class="dim num">${bytes(folder.total)}</span></nav>
      <div class="area" role="group" aria-label="Files by size" @keydown=${this.#key}>${boxes}</div>`
  }

  /** One box is reached by Tab, the others by the arrows; Backspace leads out of the folder. */
  #key = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
    const box = event.target as HTMLElement
    const to = step === 1 ? box.nextElementSibling : step === -1 ? box.previousElementSibling : null
    if (to instanceof HTMLElement) to.focus()
    if (event.key === 'Backspace' && this.view.zoom) this.go({ zoom: this.view.zoom.slice(0, this.view.zoom.lastIndexOf('/')) })
    if (step) event.preventDefault()
  }

  #crumbs(folder: Node) {
    const chain: Node[] = []
    for (let n: Node | null = folder; n; n = n.parent) chain.unshift(n)
    return chain.map((n, i) => html`${i > 1 ? ' / ' : ' '}${n.number === folder.number ? html`<b>${visible(n.name) || '/'}</b>`
      : html`<button class="link" @click=${() => this.go({ zoom: n.parent ? n.path : '' })}>${visible(n.name) || '/'}</button>`}`)
  }

  #draw(folder: number, box: Box, into: TemplateResult[]): void {
    const tree = this.shownTree
    const kids = tree.kids(folder)
    const total = kids.reduce((sum, kid) => sum + tree.total(kid), 0)
    const least = (LEAST * total) / (box.w * box.h) // a folder may have a hundred thousand files, all too small
    const drawn = tree.largestFirst(kids.filter(kid => tree.total(kid) > 0 && tree.total(kid) >= least))
    const boxes = squarify(Array.from(drawn, kid => tree.total(kid)), total, box)
    for (let i = 0; i < boxes.length && into.length < MOST; i++) {
      const b = boxes[i]!
      if (b.w * b.h < LEAST || b.w < 4 || b.h < 4) continue
      const kid = tree.node(drawn[i]!)
      into.push(this.#box(kid, b, into.length === 0))
      if (kid.isFolder && b.h > TITLE + 14 && b.w > 24) this.#draw(kid.number, { x: b.x + 3, y: b.y + TITLE, w: b.w - 6, h: b.h - TITLE - 3 }, into)
    }
  }

  #box(node: Node, b: Box, first: boolean) {
    const { path } = node
    const what = `${path}: ${bytes(node.total)}, ${percent(node.total, this.shownTree.root.total)}`
    const click = () => this.go(node.isFolder ? { zoom: path, path } : { path })
    const style = `left:${b.x}px;top:${b.y}px;width:${b.w}px;height:${b.h}px;${node.isFolder ? '' : hue(Math.max(0, node.item.layer))}`
    return html`<button class="box ${node.isFolder ? 'folder' : ''} ${path === this.view.path ? 'on' : ''}" .style=${style} title=${visible(what)} aria-label=${visible(what)}
      tabindex=${first ? 0 : -1} @click=${click}>${b.w > 34 && b.h > 14 ? visible(node.name) : nothing}</button>`
  }
}

customElements.define('st-map', SizeMap)
