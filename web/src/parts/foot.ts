import { css, html, nothing } from 'lit'
import { commandFor } from '../commands.js'
import { shared } from '../styles.js'
import { Part } from './part.js'

/** The command line that gives the same answer. */
export class Foot extends Part {
  static override styles = [shared, css`
    :host { border-top: 1px solid var(--line); background: var(--raised); padding: 5px 20px; font-size: 12.5px; }
    div { display: flex; gap: 10px; align-items: center; }
    code { flex: 1; min-width: 0; font-family: var(--mono); font-size: 12px; white-space: nowrap; overflow: auto; scrollbar-width: none; padding: 2px 0; }
    code::before { content: '$ '; color: var(--dim); }
    button { padding: 1px 8px; font-size: 12px; }
  `]

  #copied = false

  override render() {
    if (!this.session.summary) return nothing
    const command = commandFor(this.session, this.view)
    return html`<div><code tabindex="0" role="region" aria-label="The command line that gives the same answer">${command}</code>
      <button class="button" @click=${() => void this.#copy(command)}>${this.#copied ? 'Copied' : 'Copy'}</button></div>`
  }

  async #copy(text: string): Promise<void> {
    await navigator.clipboard.writeText(text)
    this.#copied = true
    this.requestUpdate()
    setTimeout(() => {
      this.#copied = false
      this.requestUpdate()
    }, 1500)
  }
}

customElements.define('st-foot', Foot)
