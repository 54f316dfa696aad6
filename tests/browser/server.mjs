// A web server that knows nothing but files, as any would do that hosts the page.

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'

const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.wasm': 'application/wasm',
}

/**
 * Serves folders on a free port of the loopback.
 * @param {Record<string, string>} roots by the path they are served at, the longest first
 * @param {number | string} [port] 0 for a free one
 */
export async function serve(roots, port = 0) {
  const served = new Set()
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname))
    const [at, root] = Object.entries(roots).find(([at]) => path.startsWith(at)) ?? []
    const file = root && join(root, path.slice(at.length), path.endsWith('/') ? 'index.html' : '')
    try {
      const { size } = await stat(file)
      served.add(path)
      response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-length': size, 'access-control-allow-origin': '*' })
      createReadStream(file).pipe(response)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise(resolve => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    /** paths that were there */
    served,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
