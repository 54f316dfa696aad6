/**
 * A fetch by way of a relay, for what CORS keeps from a page. The relay is asked with the URL in the parameter `url`, and
 * says in `Stevedore-Url` where it ended when it followed redirects.
 * @param {import('./browser.d.ts').Relay} relay
 * @returns {typeof globalThis.fetch}
 */
export function relayed({ url, header = {} }) {
  return async (target, init) => {
    const through = new URL(url)
    through.searchParams.set('url', target)
    const headers = new Headers(init.headers)
    for (const [name, value] of Object.entries(header)) headers.set(name, value)
    const response = await fetch(through, { ...init, headers })
    const { type, status, body } = response
    return { type, status, body, headers: response.headers, url: response.headers.get('stevedore-url') ?? target }
  }
}
