// When something is drawn that changes often.

import type { Session } from './session.js'

/** Milliseconds between two drawings while much changes. */
const CALM = 150

/**
 * Draws what changed at once, in a task of its own: all parts together in one frame would hold up the page. While files come in it draws
 * no more often than every so often, unless it is something else that happens.
 */
export class Pace {
  #draw: () => void
  #drawn = -CALM
  #phase = ''
  #timer = 0
  #soon = false

  constructor(draw: () => void) {
    this.#draw = draw
  }

  /** Call it with every change. */
  changed(session: Session): void {
    const wait = session.busy && session.phase === this.#phase ? Math.max(0, this.#drawn + CALM - performance.now()) : 0
    this.#phase = session.phase
    if (this.#soon || (this.#timer && wait > 0)) return
    clearTimeout(this.#timer)
    this.#soon = wait === 0
    this.#timer = setTimeout(() => this.#now(), wait)
  }

  #now(): void {
    this.#timer = 0
    this.#soon = false
    this.#drawn = performance.now()
    this.#draw()
  }
}
