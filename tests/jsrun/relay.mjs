// Reads an image through a relay, as a page that CORS keeps out: relay.mjs stevedore.wasm '{base, token, header, ref, credential}'
// Prints the JSON of inspect and of files, a line each.

import { readFile } from 'node:fs/promises'
import { load } from '../../wasm/js/index.js'
import { relayFetch } from '../../wasm/js/relay.js'

const [wasm, json] = process.argv.slice(2)
const { base, token, header, ref, credential } = JSON.parse(json)

/** What a browser does: it says where the page is, and keeps to the page's own origin. */
async function browser(url, init) {
  if (!url.startsWith(base)) throw new TypeError('Failed to fetch')
  const headers = new Headers(init.headers)
  for (const [name, value] of Object.entries(header)) headers.set(name, value)
  return fetch(url, { ...init, headers })
}

const stevedore = await load(await readFile(wasm), { fetch: relayFetch({ base, token, fetch: browser }) })
const options = { credentials: () => credential }
for (const verb of ['inspect', 'files']) console.log(await stevedore[verb]({ ref, platform: 'linux/amd64' }, options).text())
