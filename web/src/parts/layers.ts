import { css, html, nothing } from 'lit'
import { bytes, count, fraction, plural, short, step, visible } from '../format.js'
import type { LayerState } from '../session.js'
import { hue, layered, shared } from '../styles.js'
import { Part } from './part.js'

/** The layers: a bar whose widths are their sizes, and a list of what each does. Choosing one filters the tree, the list of the largest and the map. */
export class Layers extends Part {
  static override styles = [shared, layered, css`
    :host { display: flex; flex-direction: column; min-height: 0; }
    .bar { display: flex; gap: 2px; height: 26px; margin: 0 20px 12px; }
    .bar button {
      border: 0; border-radius: 4px; padding: 0; min-width: 5px; position: relative; overflow: hidden; font-size: 11.5px; color: var(--text);
      background: light-dark(oklch(0.95 0.02 var(--hue)), oklch(0.27 0.025 var(--hue)));
    }
    .bar button i { position: absolute; inset: 0 auto 0 0; background: light-dark(oklch(0.87 0.065 var(--hue)), oklch(0.4 0.065 var(--hue))); }
    .bar button span { position: relative; }
    .bar button:hover i { background: light-dark(oklch(0.82 0.085 var(--hue)), oklch(0.46 0.08 var(--hue))); }
    .bar button[aria-pressed=true]::after { content: ''; position: absolute; inset: 0; border-radius: 4px; box-shadow: inset 0 0 0 2px light-dark(oklch(0.45 0.1 var(--hue)), oklch(0.8 0.09 var(--hue))); }
    ol { overflow: auto; min-height: 0; }
    .one {
      display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: 1px 10px; width: 100%; padding: 7px 12px 8px 20px; text-align: left; align-items: baseline;
      border-left: 3px solid transparent;
    }
    .one:hover { background: var(--raised); }
    .one[aria-pressed=true] { background: var(--select); border-left-color: var(--accent); }
    .one:focus-visible { outline-offset: -2px; }
    .command { overflow-wrap: anywhere; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; font-size: 12px; line-height: 1.4; }
    .does { grid-column: 2 / -1; font-size: 12px; color: var(--dim); display: flex; flex-wrap: wrap; gap: 0 10px; }
    .add { color: var(--good); } .change { color: var(--warn); } .hide { color: var(--bad); }
    .all { grid-template-columns: minmax(0, 1fr) auto; }
    .all .does { grid-column: 1 / -1; }
    li:first-child { border-bottom: 1px solid var(--line); }
    .size { font-size: 12.5px; text-align: right; }
  `]

  static override properties = { bar: { type: Boolean } }
  declare bar: boolean

  constructor() {
    super()
    this.bar = false
  }

  #choose(layer: number | undefined): void {
    const { tab } = this.view
    this.go({ layer: layer === this.view.layer ? undefined : layer, tab: tab === 'largest' || tab === 'map' ? tab : 'files', path: '', query: '' })
  }

  override render() {
    const { layers } = this.session
    if (layers.length === 0) return nothing
    return this.bar ? this.#bar(layers) : this.#list(layers)
  }

  #bar(layers: LayerState[]) {
    const total = layers.reduce((sum, l) => sum + l.size, 0)
    return html`<div class="bar" role="group" aria-label="Layers by size">
      ${layers.map(l => html`<button aria-pressed=${this.view.layer === l.index} .style=${`flex: ${Math.max(l.size, 1)} 1 0; ${hue(l.index)}`}
          aria-label="Layer ${l.index}, ${bytes(l.size)}" title="Layer ${l.index}: ${bytes(l.size)}&#10;${visible(step(l.createdBy))}" @click=${() => this.#choose(l.index)}>
        <i .style=${`width: ${100 * fraction(l.read, l.size)}%`}></i><span>${l.size / total > 0.04 ? l.index : ''}</span></button>`)}
    </div>`
  }

  #list(layers: LayerState[]) {
    const { tree, merged, broken } = this.session
    const some = merged || (broken !== undefined && tree.count > 0)
    return html`<ol aria-label="Layers">
      <li><button class="plain one all" aria-pressed=${this.view.layer === undefined} @click=${() => this.#choose(undefined)}>
        <span>All layers together</span><span class="size num">${some ? bytes(tree.root.total) : ''}</span>
        <span class="does">${!some ? 'what a container would see' : html`${plural(tree.root.files, 'file')}${merged ? nothing : html`<span class="hide">without layer ${broken!.index} and up</span>`}`}</span>
      </button></li>
      ${layers.map(l => html`<li><button class="plain one" aria-pressed=${this.view.layer === l.index} title=${l.digest} @click=${() => this.#choose(l.index)}>
        <span class="chip" .style=${hue(l.index)}>${l.index}</span>
        <span class="command mono">${visible(step(l.createdBy)) || short(l.digest)}</span>
        <span class="size num">${bytes(l.size)}</span>
        <span class="does num">${this.#does(l)}</span>
      </button></li>`)}
    </ol>`
  }

  #does(l: LayerState) {
    const s = l.stats
    if (l === this.session.broken) return html`<span class="hide">${this.session.problem?.kind === 'cancelled' ? 'not read to its end' : 'could not be read'}</span>`
    if (!s && !this.session.busy) return 'not read'
    if (!s) return l.read > 0 ? `reading, ${bytes(l.read)}` : 'waiting'
    const { added, changed, hidden } = s
    if (added.files + changed.files + hidden.files === 0) return 'changes no file'
    return html`
      ${added.files ? html`<span title="${count(added.files)} new files"><span class="add">+${count(added.files)}</span> ${bytes(added.bytes)}</span>` : nothing}
      ${changed.files ? html`<span title="${count(changed.files)} files changed"><span class="change">~${count(changed.files)}</span> ${bytes(changed.bytes)}</span>` : nothing}
      ${hidden.files ? html`<span title="${count(hidden.files)} files removed; their ${bytes(hidden.bytes)} stay in the layers below"><span class="hide">−${count(hidden.files)}</span> ${bytes(hidden.bytes)}</span>` : nothing}`
  }
}

customElements.define('st-layers', Layers)
