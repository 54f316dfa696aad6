// Starts workerd with a configuration, asks its worker once, and ends it: workerd.mjs WORKERD CONFIG

import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import process from 'node:process'

const [bin, config] = process.argv.slice(2)

const probe = createServer()
await new Promise(resolve => probe.listen(0, '127.0.0.1', resolve))
const { port } = probe.address()
await new Promise(resolve => probe.close(resolve))

const child = spawn(bin, ['serve', config, '--socket-addr', `http=127.0.0.1:${port}`], { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ALLOW: '' } })
try {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`workerd left with ${child.exitCode}`)
    // The host is refused by the empty list, so the module runs and no request leaves.
    const answer = await fetch(`http://127.0.0.1:${port}/inspect?ref=registry.example/app`).catch(() => undefined)
    if (answer?.status === 403) break
    if (answer) throw new Error(`status ${answer.status}: ${await answer.text()}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
} finally {
  child.kill()
}
