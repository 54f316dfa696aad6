import { LitElement, css, html, nothing } from 'lit'
import { sentence, visible } from '../format.js'
import { byRelay, type Problem } from '../problem.js'
import { shared } from '../styles.js'

/** Asks to try again, with a login where one was given; with renew also what is known is read again. */
export class Again extends Event {
  constructor(readonly login?: { registry: string; username: string; password: string }, readonly renew = false) {
    super('again', { bubbles: true, composed: true })
  }
}

/** The one place where it is said what went wrong. */
export class ProblemBox extends LitElement {
  static override properties = { problem: { attribute: false } }
  declare problem: Problem | undefined

  static override styles = [shared, css`
    section { margin: 16px 20px; padding: 14px 18px; border: 1px solid var(--line); border-left: 4px solid var(--bad); border-radius: 8px; background: var(--panel); max-width: 90ch; }
    section.calm { border-left-color: var(--dim); }
    h2 { font-size: 15px; font-weight: 620; }
    .what { margin-top: 4px; overflow-wrap: anywhere; white-space: pre-wrap; }
    .end { display: flex; gap: 12px; align-items: center; margin-top: 10px; }
    .kind { color: var(--dim); font-size: 12px; }
    form { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 12px; align-items: end; }
    label { display: grid; gap: 2px; font-size: 12.5px; color: var(--dim); }
    label input { color: var(--text); }
    .kept { flex-basis: 100%; font-size: 12.5px; color: var(--dim); }
  `]

  override render() {
    const p = this.problem
    if (!p) return nothing
    const wantsLogin = p.registry !== undefined && (p.kind === 'unauthorized' || p.kind === 'denied') && !byRelay(p.kind, p.message)
    return html`<section role="alert" class=${p.kind === 'cancelled' ? 'calm' : ''}>
      <h2>${p.title}</h2>
      ${p.kind === 'cancelled' ? nothing : html`<p class="what">${visible(p.message)}</p>`}
      ${p.hint ? html`<p class="what dim">${visible(sentence(p.hint))}</p>` : nothing}
      ${wantsLogin ? this.#login(p.registry!) : nothing}
      <p class="end">${wantsLogin ? nothing : html`<button class="button" @click=${() => this.dispatchEvent(new Again())}>Try again</button>`}<span class="kind mono">${p.kind}</span></p></section>`
  }

  #login(registry: string) {
    return html`<form @submit=${(e: Event) => this.#submit(e, registry)}>
      <label>User name at ${visible(registry)}<input class="field" name="username" autocomplete="username" autocapitalize="off" required></label>
      <label>Password or token<input class="field" name="password" type="password" autocomplete="current-password" required></label>
      <button class="button main">Log in</button>
      <p class="kept">Kept in the memory of this tab, and sent to that registry and the token server it names, to nobody else.</p>
    </form>`
  }

  #submit(event: Event, registry: string): void {
    event.preventDefault()
    const data = new FormData(event.target as HTMLFormElement)
    this.dispatchEvent(new Again({ registry, username: String(data.get('username')), password: String(data.get('password')) }))
  }
}

customElements.define('st-problem', ProblemBox)
