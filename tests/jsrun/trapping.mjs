// The Worker, and a message at which it fails as a module does that traps in a callback.

import '/js/worker.js'

addEventListener('message', ({ data }) => {
  if (data === 'trap') Promise.reject(new WebAssembly.RuntimeError('unreachable'))
})
