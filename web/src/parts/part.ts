import { LitElement, html, nothing, type PropertyDeclarations } from 'lit'
import { Pace } from '../pace.js'
import { Session } from '../session.js'
import type { Tree } from '../tree.js'
import { FRESH, type View, Go } from '../view.js'

/** A part of the element: it shows the session, and is drawn again now and then while that changes. */
export class Part extends LitElement {
  static override properties: PropertyDeclarations = { session: { attribute: false }, view: { attribute: false } }
  declare session: Session
  declare view: View
  #watched: Session | undefined
  #drawn: View | undefined
  #pace = new Pace(() => this.requestUpdate())

  constructor() {
    super()
    this.view = FRESH
  }

  /** What a new view shows is drawn in a task of its own: all parts in one would hold up the page. While files come in, Pace sees to that. */
  protected override async scheduleUpdate(): Promise<void> {
    if (this.#drawn !== this.view && !this.session.busy) await new Promise(resolve => setTimeout(resolve))
    this.#drawn = this.view
    super.scheduleUpdate()
  }

  override willUpdate(): void {
    if (this.#watched === this.session || !this.isConnected) return
    this.#watched?.removeEventListener('change', this.#changed)
    this.#watched = this.session
    this.#watched?.addEventListener('change', this.#changed)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#watched?.removeEventListener('change', this.#changed)
    this.#watched = undefined
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.requestUpdate()
  }

  #changed = (): void => this.#pace.changed(this.session)

  /** The merged file system, or what the chosen layer has. */
  get shownTree(): Tree {
    return this.view.layer === undefined ? this.session.tree : this.session.layerTree(this.view.layer)
  }

  /** Says that one layer is shown, and leads back to all of them. */
  protected onlyLayer() {
    if (this.view.layer === undefined) return nothing
    return html`<button class="button only" title="Show all layers together" @click=${() => this.go({ layer: undefined, path: '' })}>Layer ${this.view.layer} <span aria-hidden="true">×</span></button>`
  }

  go(change: Partial<View>, replace = false): void {
    this.dispatchEvent(new Go(change, replace))
  }
}
