// The part of WASI preview 1 that the reactor touches: clocks, randomness, standard error. It has no files, arguments or
// environment here, and nothing sleeps: waiting is frames. A WASI package would bring a file system that no call uses.

const OK = 0
const BADF = 8
const NOENT = 44
const NOSYS = 52
const CHARACTER_DEVICE = 2
const MAX_RANDOM = 65536 // getRandomValues gives no more at once

/** Thrown by proc_exit: the instance is dead. */
export class Exit extends Error {
  /** @param {number} code */
  constructor(code) {
    super(`the module left with status ${code}`)
    this.code = code
  }
}

/**
 * @param {WebAssembly.Module} module
 * @param {() => WebAssembly.Memory} memory
 * @param {(text: string) => void} stderr takes what the guest prints, which only a panic of its runtime does
 * @returns {WebAssembly.Imports}
 */
export function imports(module, memory, stderr) {
  const known = functions(() => new DataView(memory().buffer), stderr)
  const wasi = {}
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    if (from !== 'wasi_snapshot_preview1') throw new TypeError(`the module imports ${from}.${name}, which no reactor does`)
    wasi[name] = known[name] ?? (() => missing(name))
  }
  return { wasi_snapshot_preview1: wasi }
}

/** There is no file and no path: names that are no input do not exist. */
function missing(name) {
  if (name.startsWith('path_')) return NOENT
  return name.startsWith('fd_') ? BADF : NOSYS
}

function functions(view, stderr) {
  const bytes = (ptr, n) => new Uint8Array(view().buffer, ptr >>> 0, n >>> 0)
  const none = (countPtr, sizePtr) => {
    view().setUint32(countPtr >>> 0, 0, true)
    view().setUint32(sizePtr >>> 0, 0, true)
    return OK
  }
  return {
    args_sizes_get: none,
    args_get: () => OK,
    environ_sizes_get: none,
    environ_get: () => OK,
    sched_yield: () => OK,
    proc_exit: code => { throw new Exit(code) },
    clock_time_get: (clock, _precision, out) => {
      view().setBigUint64(out >>> 0, now(clock), true)
      return OK
    },
    random_get: (ptr, n) => {
      const into = bytes(ptr, n)
      for (let at = 0; at < into.length; at += MAX_RANDOM) crypto.getRandomValues(into.subarray(at, at + MAX_RANDOM))
      return OK
    },
    fd_fdstat_get: (fd, out) => {
      if (fd > 2) return BADF
      bytes(out, 24).fill(0)
      view().setUint8(out >>> 0, CHARACTER_DEVICE)
      return OK
    },
    fd_fdstat_set_flags: fd => (fd > 2 ? BADF : OK),
    fd_write: write(view, bytes, stderr),
    poll_oneoff: poll(view),
  }
}

/** Nanoseconds: clock 0 is the wall, every other one a monotonic clock. */
function now(clock) {
  return clock === 0 ? BigInt(Date.now()) * 1_000_000n : BigInt(Math.round(performance.now() * 1e6))
}

function write(view, bytes, stderr) {
  const decoder = new TextDecoder()
  return (fd, vectors, count, out) => {
    if (fd !== 1 && fd !== 2) return BADF
    let total = 0
    for (let i = 0; i < count; i++) {
      const at = (vectors >>> 0) + 8 * i
      const part = bytes(view().getUint32(at, true), view().getUint32(at + 4, true))
      stderr(decoder.decode(part.slice(), { stream: true }))
      total += part.length
    }
    view().setUint32(out >>> 0, total, true)
    return OK
  }
}

/** Says at once that every clock has rung: the Go runtime polls between goroutines, and a host thread must not sleep. */
function poll(view) {
  return (subscriptions, events, count, out) => {
    for (let i = 0; i < count; i++) {
      const from = (subscriptions >>> 0) + 48 * i
      const to = (events >>> 0) + 32 * i
      const v = view()
      v.setBigUint64(to, v.getBigUint64(from, true), true) // userdata
      v.setUint16(to + 8, OK, true)
      v.setUint8(to + 10, v.getUint8(from + 8)) // type
    }
    view().setUint32(out >>> 0, count, true)
    return OK
  }
}
