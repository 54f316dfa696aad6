import { readFile } from 'node:fs/promises'
import { defineConfig } from 'vite'

/** What only some visits need, and is kept when it was needed. */
const LATER = /^assets\/stevedore-js-(?!read-)[^/]*\.wasm$/

/** Makes offline.js, the service worker, of what the page was built of. */
const offline = {
  name: 'offline',
  async generateBundle(_, bundle) {
    const entry = Object.values(bundle).find(chunk => chunk.type === 'chunk' && chunk.name === 'index').fileName
    const names = Object.keys(bundle).filter(name => name.startsWith('assets/')).sort()
    const files = { first: names.filter(name => !LATER.test(name)), entry, later: names.filter(name => LATER.test(name)) }
    const source = (await readFile(new URL('offline.js', import.meta.url), 'utf8')).replace('__FILES__', () => JSON.stringify(files))
    this.emitFile({ type: 'asset', fileName: 'offline.js', source })
  },
}

// The result is a plain folder for any web server, below any path: every URL in it is relative.
export default defineConfig({
  base: './',
  plugins: [offline],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      input: { index: 'index.html', inspector: 'src/element.ts' },
      // The element keeps its name, so that another page can load it by one line.
      preserveEntrySignatures: 'allow-extension',
      output: {
        entryFileNames: chunk => (chunk.name === 'inspector' ? 'inspector.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  worker: { format: 'es' },
  server: { fs: { allow: ['..'] } },
  logLevel: 'warn',
})
