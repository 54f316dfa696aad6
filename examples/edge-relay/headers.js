// What passes of headers: what a registry client says and reads, and no cookie either way.

const REQUEST = ['accept', 'authorization', 'range', 'if-range', 'if-none-match', 'if-modified-since']
const RESPONSE = ['content-type', 'content-length', 'content-range', 'accept-ranges', 'docker-content-digest', 'docker-distribution-api-version',
  'etag', 'last-modified', 'link', 'www-authenticate', 'retry-after', 'warning', 'docker-ratelimit-source']
const PREFIXES = ['oci-', 'ratelimit-', 'x-ratelimit-']

/** @param {Headers} headers of the page's request */
export function forwarded(headers) {
  const out = new Headers({ 'accept-encoding': 'identity', 'user-agent': 'stevedore (relay)' })
  for (const name of REQUEST) if (headers.has(name)) out.set(name, headers.get(name))
  return out
}

/**
 * The headers of every answer, and what passes of a registry's. Its data is a stranger's: it must not be shown as a document,
 * run as a script or kept.
 * @param {Headers} headers
 * @returns {Record<string, string>}
 */
export function shown(headers) {
  const passes = name => RESPONSE.includes(name) || PREFIXES.some(p => name.startsWith(p))
  return {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
    'content-disposition': 'attachment',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    ...Object.fromEntries([...headers].filter(([name]) => passes(name))),
  }
}
