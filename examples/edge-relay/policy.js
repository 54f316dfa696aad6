// Who may ask, and what may be reached.

/** An answer of the relay itself. */
export class Refusal extends Error {
  constructor(status, kind, message, { hint = '', headers = {} } = {}) {
    super(message)
    Object.assign(this, { status, kind, hint, headers })
  }
}

export const forbidden = message => new Refusal(403, 'refused', message)
export const malformed = message => new Refusal(400, 'refused', message)

const EXPOSED = ['Content-Length', 'Content-Range', 'Accept-Ranges', 'Docker-Content-Digest', 'Docker-Distribution-Api-Version', 'ETag', 'Link',
  'WWW-Authenticate', 'Retry-After', 'Warning', 'Docker-Ratelimit-Source', 'RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset',
  'OCI-Subject', 'OCI-Filters-Applied', 'X-Stevedore-Relay', 'X-Stevedore-Realm', 'X-Stevedore-Url']

/** What lets the page of a listed origin read the answers: the relay at the edge has another origin than the page. */
export function crossOrigin(request, origins) {
  const origin = request.headers.get('origin')
  if (!origin || !origins.includes(origin.toLowerCase())) return {}
  return {
    'access-control-allow-origin': origin,
    vary: 'Origin',
    'access-control-expose-headers': EXPOSED.join(', '),
    'cross-origin-resource-policy': 'cross-origin',
    ...(request.method === 'OPTIONS' && {
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers':
        'Accept, Authorization, Range, If-Range, If-None-Match, If-Modified-Since, X-Stevedore-Relay, X-Stevedore-Realm',
      'access-control-max-age': '86400',
    }),
  }
}

/** A page of the list, or of the relay's own origin; with the token. Browsers set Origin and Sec-Fetch-Site, and pages cannot. */
export async function admit(request, origins, { TOKEN, SEAL }) {
  if (!TOKEN || !SEAL) throw new Refusal(503, 'unsupported', 'the relay has no TOKEN or no SEAL')
  const origin = request.headers.get('origin')
  const page = origin ? origins.includes(origin.toLowerCase()) : request.headers.get('sec-fetch-site') === 'same-origin'
  if (!page) throw forbidden('only a page of an origin on the list of this relay may use it')
  if (!(await same(request.headers.get('x-stevedore-relay') ?? '', TOKEN))) throw forbidden('the token is missing or wrong')
}

/** Compares digests, so that the time tells nothing of the token. */
async function same(a, b) {
  const [x, y] = await Promise.all([a, b].map(s => crypto.subtle.digest('SHA-256', new TextEncoder().encode(s))))
  const [p, q] = [new Uint8Array(x), new Uint8Array(y)]
  return p.reduce((differs, byte, i) => differs | (byte ^ q[i]), 0) === 0
}

/**
 * What may be reached, redirects included: "a.example" and "a.example:5000" over HTTPS, "*.a.example" every host below, and
 * "http://a.example:5000" for plain HTTP. A Worker cannot see which address a name has, so nothing but names on the list
 * is asked; an address has to be on the list too.
 */
export function gate(entries) {
  const hosts = entries.map(e => (e.startsWith('http://') ? { scheme: 'http:', host: e.slice(7) } : { scheme: 'https:', host: e }))
  const matches = ({ protocol, host }, e) => protocol === e.scheme && (e.host.startsWith('*.') ? host.endsWith(e.host.slice(1)) : host === e.host)
  return url => {
    if (url.username || url.password) throw forbidden('the URL holds a user name')
    if (!hosts.some(e => matches(url, e))) throw forbidden(`${url.protocol}//${url.host} is not on the list of this relay`)
  }
}
