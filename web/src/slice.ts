// Long work on the page's own thread is cut into slices, between which it draws and answers.

const SLICE_MS = 8

interface Scheduler { yield?(): Promise<void> }

function turn(): Promise<void> {
  const { scheduler } = globalThis as { scheduler?: Scheduler }
  if (scheduler?.yield) return scheduler.yield()
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => resolve()
    port2.postMessage(undefined)
  })
}

export class Slices {
  #since = performance.now()

  /** Call it often; await what it returns, if anything. */
  pause(signal?: AbortSignal): Promise<void> | undefined {
    if (performance.now() - this.#since < SLICE_MS) return undefined
    return turn().then(() => {
      signal?.throwIfAborted()
      this.#since = performance.now()
    })
  }
}
