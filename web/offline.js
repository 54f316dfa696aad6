// The page's service worker: once visited, the page starts without a network. Every file but index.html has a hash of its
// content in its name, so a file that is kept can be given for ever, and index.html is asked of the network first: with it comes
// whatever build there is, and of two builds nothing mixes. It answers for the files of the page and for nothing else.

/** Put in by the build: the files that the page starts with, the one that index.html names, and those that it may need later. */
const { first, entry, later } = __FILES__

const scope = new URL('./', location.href)
const mine = new Set([...first, ...later].map(name => new URL(name, scope).href))
const CACHE = `stevedore-page ${scope.pathname} ${entry}`

async function install() {
  const page = await fetch(new Request(scope, { cache: 'reload' }))
  if (!page.ok || !(await page.clone().text()).includes(entry)) throw new Error('the page is of another build')
  const cache = await caches.open(CACHE)
  await cache.addAll(first.map(name => new URL(name, scope)))
  await cache.put(scope, page)
  await self.skipWaiting()
}

/** The build before stays, for a tab that still shows it. */
async function activate() {
  const all = (await caches.keys()).filter(name => name.startsWith(`stevedore-page ${scope.pathname} `) && name !== CACHE)
  await Promise.all(all.slice(0, -1).map(name => caches.delete(name)))
  await self.clients.claim()
}

async function page(request) {
  try {
    return await fetch(request)
  } catch (err) {
    const kept = await (await caches.open(CACHE)).match(scope)
    if (kept) return kept
    throw err
  }
}

async function file(request) {
  const kept = await caches.match(request, { ignoreVary: true })
  if (kept) return kept
  const response = await fetch(request)
  if (response.ok && response.status === 200) {
    const copy = response.clone()
    await (await caches.open(CACHE)).put(request, copy).catch(() => {}) // the storage is full
  }
  return response
}

self.addEventListener('install', event => event.waitUntil(install()))
self.addEventListener('activate', event => event.waitUntil(activate()))
self.addEventListener('fetch', event => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || request.headers.has('range')) return
  if (request.mode === 'navigate' && (url.pathname === scope.pathname || url.pathname === `${scope.pathname}index.html`)) event.respondWith(page(request))
  else if (mine.has(url.href)) event.respondWith(file(request))
})
