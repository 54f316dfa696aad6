import { defineConfig } from 'vite'

// The result is a plain folder for any web server, below any path: every URL in it is relative.
export default defineConfig({
  base: './',
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      input: { index: 'index.html', inspector: 'src/inspector.ts' },
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
