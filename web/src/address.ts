import { type Place, read, type View, write } from './view.js'

/** The page's address: its fragment says what is shown. */
export class Address {
  #changed: (place: Place, view: View) => void

  /** @param changed is told when a person goes back or forth, or opens a link */
  constructor(changed: (place: Place, view: View) => void) {
    this.#changed = changed
  }

  start(): void {
    addEventListener('popstate', this.#told)
    this.#told()
  }

  stop(): void {
    removeEventListener('popstate', this.#told)
  }

  #told = (): void => {
    const { place, view } = read(location.hash)
    this.write(place, view, true) // without what it says that nothing is known of
    this.#changed(place, view)
  }

  /** Says what is shown; replace leaves no way back to what was there before. */
  write(place: Place, view: View, replace: boolean): void {
    const fragment = write(place, view)
    if (`#${fragment}` === (location.hash || '#')) return
    const url = fragment ? `#${fragment}` : location.pathname + location.search
    if (replace) history.replaceState(null, '', url)
    else history.pushState(null, '', url)
  }
}
