import { css, html, nothing } from 'lit'
import { bytes, fraction, visible } from '../format.js'
import { shared } from '../styles.js'
import { Part } from './part.js'

/** A copy that goes on, or has ended, while something else is looked at. */
export class Running extends Part {
  static override styles = [shared, css`
    :host { padding: 8px 20px; border-bottom: 1px solid var(--line); background: var(--raised); font-size: 13px; }
    div { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: center; }
    progress { accent-color: var(--accent); width: 120px; height: 8px; }
    .words { min-width: 0; overflow-wrap: anywhere; }
    .button { padding: 1px 10px; font-size: 13px; }
    .failed { color: var(--bad); }
  `]

  override render() {
    const { copying } = this.session
    const { phase, job: { to, of }, progress: { done, total }, problem } = copying
    const name = html`<b>${visible(to)}</b>`
    if (phase === 'running') {
      return html`<div role="status"><progress aria-label="Progress of the copy" value=${total > 0 ? fraction(done, total) : nothing}></progress>
        <span class="words num">Writing ${name} from ${visible(of)}${total > 0 ? `, ${bytes(Math.min(done, total))} of ${bytes(total)}` : ''}</span>
        <button class="button" @click=${() => copying.cancel()}>Stop</button></div>`
    }
    return html`<div role="status"><span class="words">${phase === 'done' ? html`${name} is written.` : problem?.kind === 'cancelled' ? html`${name} was stopped.` : html`<span class="failed">${name} could not be written: ${visible(problem?.message ?? '')}</span>`}</span>
      <button class="button" @click=${() => copying.ask({})}>Close</button></div>`
  }
}

customElements.define('st-running', Running)
