// A page of headless Chromium that runs one verb for each line of standard input and prints the milliseconds it took:
//   chromium.mjs CHROMIUM stevedore-js.wasm VERB REQUEST

import { dirname, basename } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { open } from '../jsrun/browser.mjs'

const [bin, wasm, verb, request] = process.argv.slice(2)
const { page, close } = await open(bin, { '/bin/': dirname(wasm) })
try {
  await page.evaluate(async url => {
    const { connect } = await import('/js/browser.js')
    globalThis.stevedore = await connect(url)
  }, `/bin/${basename(wasm)}`)
  for await (const _ of createInterface({ input: process.stdin })) {
    const took = await page.evaluate(async ({ verb, request }) => {
      const start = performance.now()
      await globalThis.stevedore.call(verb, request).text()
      return performance.now() - start
    }, { verb, request: JSON.parse(request) })
    process.stdout.write(`${took}\n`)
  }
} finally {
  await close()
}
