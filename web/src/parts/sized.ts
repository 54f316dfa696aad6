import type { ReactiveController, ReactiveControllerHost } from 'lit'

/** Has an element told of its width, in pixels, at first and when its size changes while it is in the document. */
export class Sized implements ReactiveController {
  #element: Element
  #observer: ResizeObserver

  constructor(element: ReactiveControllerHost & Element, told: (width: number) => void) {
    this.#element = element
    this.#observer = new ResizeObserver(([entry]) => told(entry!.contentRect.width))
    element.addController(this)
  }

  hostConnected(): void {
    this.#observer.observe(this.#element)
  }

  hostDisconnected(): void {
    this.#observer.disconnect()
  }
}
