/** Milliseconds in which a body that is waited for has to bring something. */
const WINDOW = 30_000

/**
 * A body of at most so many bytes. Past them it fails with what full makes, or ends where full is missing; one that stops
 * coming fails too.
 * @param {ReadableStream<Uint8Array>} body
 * @param {number} limit bytes
 * @param {(() => Error)} [full]
 */
export function bounded(body, limit, full) {
  const reader = body.getReader()
  let left = limit
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await within(reader.read())
      if (done) return controller.close()
      if (value.length <= left) {
        left -= value.length
        return controller.enqueue(value)
      }
      await reader.cancel()
      if (full) return controller.error(full())
      controller.enqueue(value.subarray(0, left))
      controller.close()
    },
    cancel: reason => reader.cancel(reason),
  }, { highWaterMark: 0 })
}

async function within(promise) {
  let timer
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`nothing came in ${WINDOW} ms`)), WINDOW) })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
