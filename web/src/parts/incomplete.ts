import { css, html, nothing } from 'lit'
import { listed } from '../format.js'
import { shared } from '../styles.js'
import { Part } from './part.js'

/** Says of what is shown that it is not all, and why. */
export class Incomplete extends Part {
  static override styles = [shared, css`
    p { padding: 8px 12px; border-bottom: 1px solid var(--line); border-left: 4px solid var(--warn); background: var(--raised); font-size: 13px; text-wrap: pretty; }
    b { color: var(--warn); font-weight: 620; }
  `]

  override render() {
    const words = this.#words()
    return words ? html`<p role="note"><b>Incomplete.</b> ${words}</p>` : nothing
  }

  #words(): string {
    const { broken, problem, layers, tree } = this.session
    if (!broken || !problem) return ''
    const { layer } = this.view
    const at = broken.index
    const why = problem.kind === 'cancelled' ? `Reading was stopped in layer ${at}` : `Layer ${at} could not be read (${problem.title.replace(/\.$/, '').toLowerCase()})`
    if (layer !== undefined && layer < at) return ''
    if (layer === at) return `${why}. What came before that is listed, and is not checked.`
    if (layer !== undefined) return `${why}, and layer ${layer} was not reached.`
    if (tree.count === 0) return `${why}, so there is nothing to show of all layers together.${at > 0 ? ' Those before it can be looked at one by one.' : ''}`
    const below = listed(layers.slice(0, at).map(l => String(l.index)))
    return `${why}. This is what ${at === 1 ? 'layer 0 has' : `layers ${below} have together`}; what ${at === layers.length - 1 ? `layer ${at} changes` : `layers ${at} to ${layers.length - 1} change`} is not in it.`
  }
}

customElements.define('st-incomplete', Incomplete)
