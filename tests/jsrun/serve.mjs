// A file server on the loopback for the runners, with ranges, so that inputs are read as they are in a bucket.

import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' }

/**
 * @param {Record<string, string>} roots URL prefix ("/files/") → folder or file
 * @returns {Promise<{base: string, close: () => void}>}
 */
export async function serve(roots) {
  const server = createServer((req, res) => {
    answer(roots, req, res).catch(() => res.writeHead(404).end())
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { base: `http://127.0.0.1:${server.address().port}`, close }
}

async function answer(roots, req, res) {
  const path = decodeURIComponent(new URL(req.url, 'http://x').pathname)
  const root = Object.keys(roots).find(r => path.startsWith(r))
  const file = path === root ? roots[root] : join(roots[root], path.slice(root.length))
  const { size } = await stat(file)
  const [, from = 0, to = size - 1] = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '') ?? []
  const headers = { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-length': to - from + 1 }
  res.writeHead(req.headers.range ? 206 : 200, headers)
  if (size === 0) return res.end()
  createReadStream(file, { start: Number(from), end: Number(to) }).pipe(res)
}

/** The files below a folder: name → size. */
export async function sizes(dir, prefix = '', into = {}) {
  for (const name of await readdir(dir)) {
    const about = await stat(join(dir, name))
    if (about.isDirectory()) await sizes(join(dir, name), `${prefix}${name}/`, into)
    else into[prefix + name] = about.size
  }
  return into
}
