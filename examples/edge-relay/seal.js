// Which token endpoints registries announced, remembered by the page and sealed here: so any instance of the Worker knows it,
// and none keeps anything.

const LIFE = 3600 // seconds
const MOST = 4
const LONGEST = 2 << 10
const PARAMETERS = ['scope', 'account', 'client_id', 'offline_token']
const encoder = new TextEncoder()

const hmac = key => crypto.subtle.importKey('raw', encoder.encode(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
const base64url = bytes => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')

function bytesOf(text) {
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0))
  } catch {
    return new Uint8Array(0)
  }
}

/**
 * Seals the realms of a challenge. @returns {Promise<string>} '' where there is none
 * @param {string} key @param {string} registry origin @param {string} header WWW-Authenticate
 */
export async function announce(key, registry, header) {
  const realms = challenges(header)
    .filter(c => c.scheme === 'bearer' && c.realm && c.realm.length + (c.service ?? '').length <= LONGEST)
    .slice(0, MOST)
    .map(({ realm, service = '' }) => ({ url: realm, service }))
  if (realms.length === 0) return ''
  const until = Math.floor(Date.now() / 1000) + LIFE
  const body = base64url(encoder.encode(JSON.stringify({ registry, realms, until })))
  return `${body}.${base64url(new Uint8Array(await crypto.subtle.sign('HMAC', await hmac(key), encoder.encode(body))))}`
}

/** Whether a seal is ours and announces this endpoint, with the parameters of a token request and no others. */
export async function announced(key, seal, url) {
  const [body, mac = ''] = seal.split('.')
  if (!(await crypto.subtle.verify('HMAC', await hmac(key), bytesOf(mac), encoder.encode(body)))) return false
  const { realms, until } = JSON.parse(new TextDecoder().decode(bytesOf(body)))
  return until >= Date.now() / 1000 && realms.some(realm => matches(realm, url))
}

function matches({ url, service }, asked) {
  const realm = URL.parse(url)
  if (!realm || realm.origin !== asked.origin || realm.pathname !== asked.pathname || realm.username) return false
  const want = realm.searchParams
  if (service) want.set('service', service)
  const got = asked.searchParams
  const equal = name => JSON.stringify(want.getAll(name)) === JSON.stringify(got.getAll(name))
  return [...want.keys()].every(name => (name === 'scope' ? got.has(name) : equal(name))) &&
    [...got.keys()].every(name => want.has(name) || PARAMETERS.includes(name))
}

/** RFC 9110 section 11.6.1: a list of schemes, each with a list of parameters. */
function challenges(header) {
  const out = []
  const part = /([!#$%&'*+.^_`|~\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?\s*,?\s*/gy
  for (let m; (m = part.exec(header)); ) {
    const [, name, quoted, plain] = m
    if (quoted === undefined && plain === undefined) out.push({ scheme: name.toLowerCase() })
    else if (out.length > 0) out.at(-1)[name.toLowerCase()] ??= quoted?.replace(/\\(.)/g, '$1') ?? plain
  }
  return out
}
