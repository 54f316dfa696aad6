/**
 * What a driver's host can do, worked out once from the caller's options and the runtime.
 * @typedef {object} Host
 * @property {typeof globalThis.fetch} fetch
 * @property {(url: string) => boolean | Promise<boolean>} allow
 * @property {object} init more members for each fetch
 * @property {'stream' | 'blob'} upload
 * @property {string} platform
 * @property {string[]} plainHttp
 * @property {string[]} capabilities
 * @property {(text: string) => void} stderr
 */

const agent = globalThis.navigator?.userAgent ?? ''
const inBrowser = agent.startsWith('Mozilla/')
// Deno and Bun have a process too. Node alone sends a streamed body with the length it was given: Deno drops the length,
// and browsers refuse to stream over HTTP/1.1.
const inNode = globalThis.process?.release?.name === 'node' && !globalThis.Deno && !globalThis.Bun

/**
 * @param {import('./index.d.ts').LoadOptions} options
 * @returns {Host}
 */
export function hostOf({ fetch, allow, platform = '', plainHttp = [] } = {}) {
  return {
    fetch: fetch ?? ((url, init) => globalThis.fetch(url, init)),
    allow: allow ?? (() => true),
    // Cookies and client certificates of a page are none of a registry's business; other runtimes have no such option.
    init: inBrowser ? { credentials: 'omit', referrerPolicy: 'no-referrer' } : {},
    upload: inNode && !fetch ? 'stream' : 'blob',
    platform,
    plainHttp,
    capabilities: inBrowser ? ['hides-headers'] : [],
    stderr: text => console.error(text.trimEnd()),
  }
}

/** Lets timers, sockets and the caller run. @returns {Promise<void>} */
export function turn() {
  return new Promise(resolve => {
    if (!inBrowser) return (globalThis.setImmediate ?? setTimeout)(resolve, 0)
    // A browser makes timers that follow each other wait for 4 ms; messages do not.
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(0)
  })
}
