// Runs the command line build under the WASI of Node or Bun: wasi-command.mjs stevedore-cli.wasm DIR ARGS...; DIR is the guest's root.

import { readFile } from 'node:fs/promises'
import { WASI } from 'node:wasi'

const [wasm, dir, ...args] = process.argv.slice(2)
// returnOnExit: true lets Node 20 crash when the Go runtime leaves with goroutines still waiting; this way the process ends
// with the module.
const wasi = new WASI({ version: 'preview1', args: ['stevedore', ...args], env: { PWD: '/' }, preopens: { '/': dir }, returnOnExit: false })
const module = await WebAssembly.compile(await readFile(wasm))
wasi.start(await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport }))
