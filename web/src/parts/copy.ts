import { css, html, nothing } from 'lit'
import type { Copying, Target } from '../copying.js'
import { bytes, fraction, plural, visible } from '../format.js'
import { shared } from '../styles.js'
import { Part } from './part.js'
import { Again } from './problem.js'

const TARGETS: [Target, string, string][] = [
  ['oci-archive', 'Download as an OCI archive', 'The image as it is, with all its digests: for skopeo, podman, crane and for this page.'],
  ['docker-archive', 'Download as a Docker archive', 'One image for docker load and podman load. Its layers are stored uncompressed, so the file is larger.'],
  ['registry', 'Copy to a registry', 'What is there already is not sent again.'],
]

/** What is open, to take away: as a download, or into a registry. */
export class Copy extends Part {
  static override styles = [shared, css`
    :host { overflow: auto; padding: 16px 20px; }
    form { display: grid; gap: 14px; max-width: 640px; }
    fieldset { border: 0; margin: 0; padding: 0; display: grid; gap: 8px; min-width: 0; }
    legend { padding: 0; margin-bottom: 6px; font-weight: 620; }
    .one { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0 10px; align-items: baseline; padding: 8px 12px; border: 1px solid var(--line); border-radius: 8px; }
    .one:has(:checked) { border-color: var(--accent); background: var(--select); }
    .one small { grid-column: 2; font-size: 12.5px; color: var(--dim); }
    .one:has(:checked) small { color: var(--text); }
    input[type=radio] { accent-color: var(--accent); margin: 0; }
    .named { display: grid; gap: 4px; font-size: 13px; }
    .named :is(input, select) { font-size: 13px; padding: 6px 10px; }
    select { border: 1px solid var(--line); border-radius: 6px; background: var(--panel); color: var(--text); width: 100%; }
    .tools, .busy { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; font-size: 13px; }
    .job { flex-basis: 100%; overflow-wrap: anywhere; }
    progress { accent-color: var(--accent); width: 180px; height: 8px; }
    .done { max-width: 640px; margin-top: 14px; padding: 12px 16px; border: 1px solid var(--line); border-left: 4px solid var(--good); border-radius: 8px; overflow-wrap: anywhere; }
    st-problem { display: block; margin: 0 -20px; }
  `]

  get #copying(): Copying {
    return this.session.copying
  }

  #seen: Copying['phase'] = 'idle'

  #submit = (event: Event): void => {
    event.preventDefault()
    void this.#copying.start()
  }

  /** The login is for this copy, and not to open the image anew. */
  #again = (event: Again): void => {
    event.stopPropagation()
    if (event.login) this.session.credentials.set(event.login.registry, event.login)
    void this.#copying.start()
  }

  /** What came of it may be below the edge. A problem has its height when it is drawn itself. */
  override updated(): void {
    const { phase } = this.#copying
    if (phase !== this.#seen && phase !== 'idle') {
      const end = this.renderRoot.querySelector<HTMLElement & Partial<Pick<Part, 'updateComplete'>>>('.done, st-problem')
      void Promise.resolve(end?.updateComplete).then(() => end?.scrollIntoView({ block: 'nearest' }))
    }
    this.#seen = phase
  }

  override render() {
    const c = this.#copying
    const running = c.phase === 'running'
    return html`<form @submit=${this.#submit}>
        <fieldset ?disabled=${running}><legend>Take this image away</legend>
          ${TARGETS.map(([target, title, about]) => html`<label class="one"><input type="radio" name="target" value=${target} .checked=${c.target === target}
            @change=${() => c.ask({ target })}>${title}<small>${about}</small></label>`)}
          ${this.#platforms(c)}
          ${c.target === 'registry' ? html`<label class="named">To<input class="field mono" id="to" required .value=${c.to} placeholder="registry.example/team/app:1.0" autocomplete="off"
            autocapitalize="off" spellcheck="false" @input=${(e: Event) => c.ask({ to: (e.target as HTMLInputElement).value })}></label>` : nothing}
        </fieldset>
        ${running ? this.#busy(c) : html`<div class="tools"><button class="button main">${c.target === 'registry' ? 'Copy' : 'Download'}</button>
          ${c.target === 'registry' ? nothing : html`<span class="dim mono">${visible(c.file)}</span>`}</div>`}
      </form>
      ${this.#outcome(c)}
      ${c.problem ? html`<st-problem .problem=${c.problem} @again=${this.#again}></st-problem>` : nothing}`
  }

  #platforms(c: Copying) {
    if (c.platforms.length === 0) return nothing
    return html`<label class="named">Platform<select id="which" @change=${(e: Event) => c.ask({ platform: (e.target as HTMLSelectElement).value })}>
      ${c.target === 'docker-archive' ? nothing : html`<option value="" .selected=${c.chosen === ''}>all of them</option>`}
      ${c.platforms.map(p => html`<option value=${p} .selected=${c.chosen === p}>${visible(p)}</option>`)}</select></label>`
  }

  #busy({ job: { to, of }, progress: { done, total }, cancel }: Copying) {
    return html`<div class="busy" role="status"><progress aria-label="Progress of the copy" value=${total > 0 ? fraction(done, total) : nothing}></progress>
      <span class="job">Writing <b>${visible(to)}</b> from ${visible(of)}</span>
      <span class="num">${total > 0 ? `${bytes(Math.min(done, total))} of ${bytes(total)}` : 'Preparing…'}</span>
      <button type="button" class="button" @click=${() => cancel.call(this.#copying)}>Stop</button></div>`
  }

  #outcome({ phase, outcome, target, job }: Copying) {
    if (phase !== 'done' || !outcome) return nothing
    const [to] = outcome.destinations
    const same = to && target === 'registry' && to.written + to.stored.blobs + to.mounted.blobs === 0
    const there = to && target === 'registry' ? ` ${plural(to.stored.blobs, 'blob')} sent (${bytes(to.stored.bytes)}), ${to.existed.blobs + to.mounted.blobs} there already.` : ''
    const changed = outcome.digest !== outcome.sourceDigest ? ' The digest is not that of the source, since not all of it was taken or its form had to change.' : ''
    return html`<div class="done" role="status"><b>${same ? 'Unchanged.' : target === 'registry' ? 'Copied.' : 'Saved.'}</b> <span class="mono">${visible(job.to)}</span>${there}${changed}
      <p class="mono digest">${outcome.digest}</p>
      ${outcome.left.map(words => html`<p class="dim">Left out: ${visible(words)}</p>`)}</div>`
  }
}

customElements.define('st-copy', Copy)
