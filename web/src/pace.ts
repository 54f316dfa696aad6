// When something is drawn that changes often.

import type { Session } from './session.js'

/** Milliseconds between two drawings while much changes. */
const CALM = 150

/** Draws with the next frame what changed; while files come in, no more often than every so often, unless it is something else that happens. */
export class Pace {
  #draw: () => void
  #drawn = -CALM
  #phase = ''
  #frame = 0
  #timer = 0

  constructor(draw: () => void) {
    this.#draw = draw
  }

  /** Call it with every change. */
  changed(session: Session): void {
    const wait = session.busy && session.phase === this.#phase ? this.#drawn + CALM - performance.now() : 0
    this.#phase = session.phase
    if (this.#frame) return
    if (wait > 0) {
      this.#timer ||= setTimeout(() => this.#now(), wait)
      return
    }
    clearTimeout(this.#timer)
    this.#timer = 0
    this.#frame = requestAnimationFrame(() => this.#now())
  }

  #now(): void {
    this.#frame = this.#timer = 0
    this.#drawn = performance.now()
    this.#draw()
  }
}
