// What a request asks for: /relay/SCHEME/HOST[:PORT]/PATH?QUERY.

import { Refusal, forbidden, malformed } from './policy.js'
import { announced } from './seal.js'

const PREFIX = '/relay/'
const MAX_MANIFEST = 4 << 20
const MAX_SMALL = 64 << 10
const MAX_QUERY = 4 << 10

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const NAME = `(?<name>${COMPONENT}(?:/${COMPONENT})*)`
const TAG = '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'
const DIGEST = 'sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}'

/** The whole policy of methods and endpoints: what is not here is refused. The relay reads. */
const READ = ['GET', 'HEAD']
const ENDPOINTS = [
  { path: /^\/v2\/$/, methods: READ, limit: MAX_SMALL },
  { path: /^\/v2\/_catalog$/, methods: READ, limit: MAX_MANIFEST },
  { path: new RegExp(`^/v2/${NAME}/tags/list$`), methods: READ, limit: MAX_MANIFEST },
  { path: new RegExp(`^/v2/${NAME}/manifests/(?:${TAG}|${DIGEST})$`), methods: READ, limit: MAX_MANIFEST },
  { path: new RegExp(`^/v2/${NAME}/referrers/(?:${DIGEST})$`), methods: READ, limit: MAX_MANIFEST },
  { path: new RegExp(`^/v2/${NAME}/blobs/(?:${DIGEST})$`), methods: READ, limit: 0 },
]
const TOKEN = { methods: ['GET'], limit: MAX_SMALL }

/**
 * @param {Request} request
 * @param {string} key of the seals
 * @returns {Promise<{url: URL, method: string, limit: number, redirects: boolean}>} limit in bytes, 0 for none
 */
export async function targetOf(request, key) {
  const { pathname, search } = new URL(request.url)
  const [, scheme, host, path] = /^\/relay\/(https?)\/([^/]+)(\/.*)$/.exec(pathname) ?? []
  if (!host) throw malformed(`the path is not ${PREFIX}SCHEME/HOST/v2/…`)
  if (search.length > MAX_QUERY) throw malformed(`the query is longer than ${MAX_QUERY} bytes`)
  const url = URL.parse(`${scheme}://${host}`)
  // 0x7f.1, 2130706433 and 127.1 are all 127.0.0.1; the parser knows, and writes it in its usual form.
  if (!url || (url.host !== host.toLowerCase() && `${url.host}:${port(scheme)}` !== host.toLowerCase())) {
    throw forbidden(`${JSON.stringify(host)} is no host, or an address in an unusual notation`)
  }
  url.pathname = path
  url.search = search
  const seal = request.headers.get('x-stevedore-realm')
  if (seal) {
    permit(TOKEN, request.method)
    if (!(await announced(key, seal, url))) throw forbidden(`no registry announced ${url.host} as its token endpoint`)
    return { url, method: request.method, limit: TOKEN.limit, redirects: false }
  }
  const endpoint = ENDPOINTS.find(e => e.path.test(path))
  if (!endpoint || (endpoint.path.exec(path).groups?.name?.length ?? 0) > 255) {
    throw forbidden('this is no endpoint that reading a registry takes')
  }
  permit(endpoint, request.method)
  return { url, method: request.method, limit: endpoint.limit, redirects: true }
}

const port = scheme => (scheme === 'https' ? '443' : '80')

function permit({ methods }, method) {
  if (methods.includes(method)) return
  throw new Refusal(405, 'unsupported', `${method} is not forwarded: the relay only reads`, { headers: { allow: methods.join(', ') } })
}
