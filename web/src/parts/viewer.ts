import { css, html, nothing, type TemplateResult } from 'lit'
import { type Content, folder, keep, readFile, type Spot, wholeFile } from '../content.js'
import { elfFacts } from '../elf.js'
import { bytes, moment, percent, plural, step, visible } from '../format.js'
import { historyOf } from '../history.js'
import { imageType, type Look, looks } from '../kinds.js'
import { problemOf } from '../problem.js'
import { hue, layered, shared } from '../styles.js'
import type { Node } from '../tree.js'
import './json.js'
import { Part } from './part.js'
import './text.js'

/** So much is read at first, in bytes; more when it is asked for. */
const FIRST = 1 << 20
const MORE = 32 << 20
/** So many of what is in a folder are listed; the tree has all of them. */
const MOST = 50

const LOOKS: Record<Look, string> = { text: 'Text', image: 'Picture', json: 'JSON', elf: 'Program', hex: 'Bytes' }

const TYPES: Record<string, string> = {
  file: 'file', dir: 'folder', symlink: 'symbolic link', hardlink: 'hard link', char: 'character device', block: 'block device', fifo: 'named pipe',
  whiteout: 'removal',
}

/** What is selected: a file with its content, or a folder, and how it came to be. */
export class Viewer extends Part {
  static override styles = [shared, layered, css`
    :host { display: flex; flex-direction: column; min-height: 0; min-width: 0; background: var(--panel); }
    .top { padding: 10px 14px 8px; border-bottom: 1px solid var(--line); }
    .row { display: flex; gap: 10px; align-items: baseline; }
    h2 { font-size: 14px; font-weight: 620; overflow-wrap: anywhere; flex: 1; min-width: 0; }
    .close { border: 0; background: none; font-size: 18px; line-height: 1; padding: 2px 6px; color: var(--dim); border-radius: 4px; }
    .close:hover { background: var(--raised); color: var(--text); }
    .facts { color: var(--dim); font-size: 12.5px; margin-top: 2px; overflow-wrap: anywhere; }
    .tools { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 8px; align-items: center; }
    .tools .button { padding: 2px 10px; font-size: 13px; }
    .looks { display: inline-flex; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
    .looks button { border: 0; background: none; padding: 2px 10px; font-size: 13px; }
    .looks button + button { border-left: 1px solid var(--line); }
    .looks button[aria-pressed=true] { background: var(--select); font-weight: 600; }
    .looks button:focus-visible { outline-offset: -2px; }
    .body { flex: 1; min-height: 0; display: flex; flex-direction: column; overflow: hidden; }
    .body > * { flex: 1; min-height: 0; }
    .scroll { overflow: auto; padding: 12px 14px; }
    .note { flex: none; padding: 8px 14px; font-size: 13px; color: var(--dim); border-bottom: 1px solid var(--line); }
    .bad { color: var(--bad); overflow-wrap: anywhere; }
    dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 4px 16px; align-content: start; }
    dt { color: var(--dim); }
    dd { overflow-wrap: anywhere; }
    .picture { display: grid; place-items: center; padding: 16px; overflow: auto; background: repeating-conic-gradient(var(--raised) 0 25%, transparent 0 50%) 0 0 / 16px 16px; }
    .picture img { max-width: 100%; max-height: 100%; }
    .past { border-top: 1px solid var(--line); padding: 8px 14px; max-height: 32%; overflow: auto; font-size: 12.5px; }
    .past h3 { font-size: 12px; font-weight: 600; color: var(--dim); margin-bottom: 2px; }
    .past li { display: flex; gap: 8px; align-items: baseline; padding: 1px 0; }
    .past .step { flex: 1; min-width: 0; color: var(--dim); }
    .added { color: var(--good); } .changed { color: var(--warn); } .removed { color: var(--bad); }
    .kids li { display: grid; grid-template-columns: 72px 48px minmax(0, 1fr); gap: 10px; padding: 2px 0; }
    .kids .num { text-align: right; }
    .kids button { text-align: left; }
    .kids .gone { color: var(--bad); text-decoration: line-through; }
  `]

  #key = ''
  #content: Content | undefined
  #looks: Look[] = []
  #look: Look = 'text'
  #error = ''
  #saving = ''
  /** what is odd about the content */
  #note = ''
  #reading = ''
  #abort = new AbortController()
  #picture = ''
  #past: { key: string; list: ReturnType<typeof historyOf> } = { key: '', list: [] }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#abort.abort()
    this.#forgetPicture()
  }

  get #node(): Node | undefined {
    return this.view.path ? this.shownTree.find(this.view.path) : undefined
  }

  #spot(node: Node): Spot {
    const { layer } = this.view
    if (layer !== undefined) return { path: node.path, layer, only: true }
    return { path: node.path, layer: node.item.hardlinkOf === undefined && node.item.layer >= 0 ? node.item.layer : undefined, only: false }
  }

  override willUpdate(): void {
    super.willUpdate()
    const node = this.#node
    const key = node ? `${this.session.ref} ${this.session.summary?.digest} ${this.session.image?.digest} ${this.view.layer} ${node.path} ${node.item.type}` : ''
    if (key === this.#key) return
    this.#key = key
    this.#abort.abort()
    this.#abort = new AbortController()
    this.#content = undefined
    this.#error = this.#saving = this.#reading = this.#note = ''
    this.#forgetPicture()
    if (node && node.item.type === 'file') void this.#load(node, FIRST)
  }

  #forgetPicture(): void {
    if (this.#picture) URL.revokeObjectURL(this.#picture)
    this.#picture = ''
  }

  async #load(node: Node, most: number): Promise<void> {
    const { signal } = this.#abort
    try {
      const content = node.item.size === 0 ? { bytes: new Uint8Array(0), cut: false } : await readFile(this.session, this.#spot(node), most, signal, (done, total) => {
        this.#reading = ` ${bytes(done)} of ${bytes(total)} of the layer`
        this.requestUpdate()
      })
      if (signal.aborted) return
      this.#content = content
      this.#looks = looks(node.path, content.bytes).filter(l => !(content.cut && (l === 'json' || l === 'image')))
      if (this.#looks[0] === 'hex' && !this.#looks.includes('text')) this.#looks.push('text')
      this.#look = this.#looks[0] ?? 'hex'
      if (this.#look === 'image') this.#picture = URL.createObjectURL(new Blob([content.bytes], { type: imageType(content.bytes)! }))
    } catch (err) {
      if (signal.aborted) return
      const { title, message } = problemOf(err)
      this.#error = `${title} ${message}`
    }
    this.requestUpdate()
  }

  override render() {
    const node = this.#node
    if (!node) return this.view.path && !this.session.busy ? html`<div class="top">${this.#title(this.view.path)}<p class="facts">There is no such path here${this.session.broken ? ', as far as could be read' : ''}.</p></div>` : nothing
    return html`
      <div class="top">${this.#title(node.path)}
        <p class="facts num">${this.#facts(node)}</p>
        <div class="tools">${this.#tools(node)}</div></div>
      <div class="body">${this.#body(node)}</div>
      ${this.#history(node)}`
  }

  #title(path: string) {
    return html`<div class="row"><h2 class="mono">${visible(path)}</h2>
      <button class="close" aria-label="Close" title="Close (Esc)" @click=${() => this.go({ path: '' })}>×</button></div>`
  }

  #facts(node: Node): string {
    const { item } = node
    const blob = this.session.blobs.get(node.path)
    if (blob) return `${visible(blob.mediaType)}, ${bytes(blob.size)}, ${blob.digest}`
    if (this.session.blobs.size > 0) return `Folder, ${bytes(node.total)} in ${plural(node.files, 'file')}`
    const nowhere = item.type === 'hardlink' && this.view.layer === undefined // one layer alone does not tell
    const what = `${TYPES[item.type] ?? item.type}${nowhere ? ' that leads nowhere' : ''}`
    if (node.isFolder) return `${what}, ${bytes(node.total)} in ${plural(node.files, 'file')}, mode ${item.mode}, owner ${item.uid}:${item.gid}`
    const size = item.type === 'file' ? `, ${bytes(item.size)}` : ''
    const time = item.mtime ? `, ${moment(item.mtime)}` : ''
    const xattrs = item.xattrs ? `, with ${item.xattrs.map(visible).join(', ')}` : ''
    return `${what}${size}, mode ${item.mode}, owner ${item.uid}:${item.gid}${time}${xattrs}`
  }

  #tools(node: Node) {
    const { item } = node
    const link = item.linkTarget === undefined ? undefined : this.#target(node)
    return html`
      ${this.#content && this.#looks.length > 1 ? html`<span class="looks" role="group" aria-label="Show as">${this.#looks.map(look =>
        html`<button aria-pressed=${look === this.#look} @click=${() => { this.#look = look; this.requestUpdate() }}>${LOOKS[look]}</button>`)}</span>` : nothing}
      ${item.type === 'file' ? html`<button class="button" ?disabled=${this.#saving !== ''} @click=${() => this.#save(node)}>Download</button>` : nothing}
      ${node.isFolder && this.session.image ? html`<button class="button" ?disabled=${this.#saving !== ''} @click=${() => this.#save(node)}>Download as tar</button>
        <button class="button" @click=${() => this.go({ tab: 'map', zoom: node.path })}>Show on the map</button>` : nothing}
      ${link ? html`<button class="button" @click=${() => this.go({ path: link })}>Go to ${visible(link)}</button>` : nothing}
      ${item.hardlinkOf === undefined ? nothing : html`<span class="facts">the same file as <button class="link mono" @click=${() => this.go({ path: item.hardlinkOf! })}>${visible(item.hardlinkOf)}</button></span>`}
      <span class="facts num" role="status">${this.#saving}</span>`
  }

  /** Where a symbolic link leads, if that is in the image. */
  #target(node: Node): string | undefined {
    const { tree } = this.session
    let at = node
    for (let i = 0; i < 40 && at.item.linkTarget !== undefined; i++) {
      const to = at.item.linkTarget
      const base = to.startsWith('/') || !at.parent ? '' : at.parent.path
      const names: string[] = []
      for (const name of `${base}/${to}`.split('/')) {
        if (name === '..') names.pop()
        else if (name !== '' && name !== '.') names.push(name)
      }
      const next = tree.find(`/${names.join('/')}`)
      if (!next) return undefined
      at = next
    }
    return at.path
  }

  async #save(node: Node): Promise<void> {
    const { signal } = this.#abort
    const progress = (done: number): void => {
      this.#saving = bytes(done)
      this.requestUpdate()
    }
    try {
      progress(0)
      const blob = node.isFolder ? await folder(this.session, node.path, this.view.layer, signal, progress) : await wholeFile(this.session, this.#spot(node), signal, progress)
      keep(node.isFolder ? `${node.name || 'image'}.tar` : node.name, blob)
      this.#saving = ''
    } catch (err) {
      if (signal.aborted) return
      this.#saving = ''
      this.#error = problemOf(err).message
    }
    this.requestUpdate()
  }

  #body(node: Node): TemplateResult | typeof nothing {
    if (this.#error) return html`<p class="scroll bad" role="alert">${this.#error}</p>`
    if (node.isFolder) return this.#folder(node)
    if (node.item.type === 'symlink') return html`<p class="scroll">It points to <span class="mono">${visible(node.item.linkTarget ?? '')}</span>.</p>`
    if (node.item.type !== 'file') return html`<p class="scroll dim">It has no content.</p>`
    if (!this.#content) return html`<p class="scroll dim" role="status">Reading…<span class="num">${this.#reading}</span></p>`
    const { bytes: content, cut } = this.#content
    if (content.length === 0) return html`<p class="scroll dim">The file is empty.</p>`
    const more = content.length < MORE && node.item.size <= MORE
    return html`
      ${cut ? html`<p class="note">The first ${bytes(content.length)} of ${bytes(node.item.size)}. ${more ? html`<button class="link" @click=${() => void this.#load(node, MORE)}>Show all</button>` : nothing}</p>` : nothing}
      ${this.#note ? html`<p class="note" role="status">${this.#note}</p>` : nothing}
      ${this.#shown(node, content)}`
  }

  #shown(node: Node, content: Uint8Array): TemplateResult {
    switch (this.#look) {
      case 'image': return html`<div class="picture"><img src=${this.#picture} alt="The picture in ${visible(node.path)}" @error=${this.#unseen}></div>`
      case 'json': return html`<st-json tabindex="0" role="region" aria-label="JSON" .value=${JSON.parse(new TextDecoder().decode(content))}></st-json>`
      case 'elf': return html`<dl class="scroll">${elfFacts(content).map(([name, value]) => html`<dt>${name}</dt><dd class="mono">${visible(value)}</dd>`)}</dl>`
      case 'hex': return html`<st-hex .bytes=${content}></st-hex>`
      default: return html`<st-text .bytes=${content} .path=${node.path}></st-text>`
    }
  }

  /** It begins as a picture does, and is none that the browser can draw. */
  #unseen = (): void => {
    this.#looks = this.#looks.filter(look => look !== 'image')
    this.#look = this.#looks[0] ?? 'hex'
    this.#note = 'It begins as a picture does, but is none that this browser can show.'
    this.requestUpdate()
  }

  #folder(node: Node): TemplateResult {
    const { tree, number } = node
    const kids = Array.from(tree.largest(tree.kids(number), MOST, -1), kid => tree.node(kid))
    if (kids.length === 0) return html`<p class="scroll dim">There is nothing in it.</p>`
    return html`<ul class="scroll kids" tabindex="0" role="list" aria-label="The largest in it">${kids.map(k => html`<li><span class="num">${bytes(k.total)}</span><span class="num dim">${percent(k.total, node.total)}</span>
      <button class="link clip ${k.item.type === 'whiteout' ? 'gone' : ''}" title=${k.item.type === 'whiteout' ? 'removed by this layer' : nothing} @click=${() => this.go({ path: k.path })}>${visible(k.name)}${k.isFolder ? '/' : ''}</button></li>`)}</ul>`
  }

  #history(node: Node) {
    const { layers } = this.session
    const known = layers.filter(l => l.stats).length
    const key = `${this.#key} ${known}`
    if (this.#past.key !== key) this.#past = { key, list: node.isFolder ? [] : historyOf(node.path, layers) }
    if (this.#past.list.length === 0) return nothing
    return html`<section class="past" aria-label="History"><h3>Through the layers</h3><ol>
      ${this.#past.list.map(m => html`<li><button class="chip plain" .style=${hue(m.layer)} title="Show as layer ${m.layer} has it" ?disabled=${m.what === 'removed'}
          @click=${() => this.go({ layer: m.layer })}>${m.layer}</button>
        <span class=${m.what}>${m.what}</span>${m.size === undefined ? nothing : html`<span class="num">${bytes(m.size)}</span>`}
        <span class="step clip mono">${visible(step(layers[m.layer]?.createdBy))}</span></li>`)}
    </ol></section>`
  }
}

customElements.define('st-viewer', Viewer)
