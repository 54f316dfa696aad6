// Runs a Go test binary in headless Chromium: browser.mjs CHROMIUM page|worker WASM_EXEC_JS BINARY ARGUMENTS...
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { open } from '../../../tests/jsrun/browser.mjs'

const [bin, place, glue, binary, ...args] = process.argv.slice(2)
const env = Object.fromEntries(['FETCHTEST_SERVER', 'FETCHTEST_UPLOAD', 'FETCHTEST_HOST'].map(name => [name, process.env[name]]))
const { page, close } = await open(bin, { '/run/': fileURLToPath(new URL('.', import.meta.url)), '/wasm_exec.js': glue, '/test.wasm': binary })
try {
  const { code, output } = await page.evaluate(async ({ place, job }) => {
    if (place === 'page') return (await import('/run/go.mjs')).run(job)
    const worker = new Worker('/run/go.mjs', { type: 'module' })
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data)
      worker.onerror = ({ message }) => reject(new Error(message))
      worker.postMessage(job)
    })
  }, { place, job: { env, args } })
  process.stdout.write(output)
  process.exitCode = code
} finally {
  await close()
}
