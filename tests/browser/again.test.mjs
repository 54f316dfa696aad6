// A second visit: what is shown of an image that was read before, and what is not believed.

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { server, tab, world } from './setting.mjs'

/** Notes, from now on, what the session says of an earlier visit, and how many files are shown when it says it is done. */
const watch = () => tab.run(() => {
  const { session } = document.querySelector('stevedore-inspector')
  globalThis.said = []
  globalThis.done = []
  session.addEventListener('change', () => {
    if (globalThis.said.at(-1) !== session.earlier) globalThis.said.push(session.earlier)
    if (session.phase === 'done') globalThis.done.push(session.tree.count)
  })
})
const said = () => tab.run(() => globalThis.said.filter(Boolean))

/** Answers are written a moment after they were given. */
const kept = n => tab.run(async n => {
  const names = async () => {
    const found = []
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('stevedore-answers', { create: true })
    for await (const [name, handle] of folder.entries()) if ((await handle.getFile()).size > 0) found.push(name)
    return found
  }
  for (let i = 0; i < 200 && (await names()).length < n; i++) await new Promise(r => setTimeout(r, 30))
  return (await names()).length
}, n)

async function fresh() {
  await tab.goto('about:blank')
  await tab.goto(server.url)
  await tab.see('#example')
  await watch()
}

async function drop(name) {
  await fresh()
  await tab.drop(`/fixtures/${name}`, name)
  await tab.see('st-summary h1', name)
}

async function visit(more = '') {
  await fresh()
  await tab.run(fragment => { location.hash = fragment }, `ref=${world.counted}/harbor:arm64${more}`)
  await tab.see('st-summary h1', 'harbor:arm64')
  await tab.read()
}

test('a file that was read before is shown at once, and is checked', async () => {
  await drop('harbor.oci.tar')
  await tab.read()
  assert.deepEqual(await said(), [])
  const rows = await tab.lines('st-files', '.row')
  const layers = await tab.lines('st-layers.layers', '.one')
  assert.equal(await kept(1), 1)
  await drop('harbor.oci.tar')
  await tab.read()
  assert.deepEqual(await said(), ['kept', 'checking'])
  assert.deepEqual(await tab.lines('st-files', '.row'), rows)
  assert.deepEqual(await tab.lines('st-layers.layers', '.one'), layers)
  assert.equal((await tab.lines('st-summary', '.earlier')).length, 0)
  tab.calm()
})

test('one that is broken by now is found out, and only what is below the broken layer stays', async () => {
  const bytes = await readFile(join(world.fixtures, 'harbor.oci.tar'))
  const header = bytes.indexOf(world.layer.replace('sha256:', 'blobs/sha256/'))
  assert.ok(header > 0)
  bytes[header + 512 + 1000] ^= 1
  await writeFile(join(world.fixtures, 'harmed.oci.tar'), bytes)
  await drop('harmed.oci.tar')
  await tab.see('st-problem .what', world.layer)
  await tab.read('failed')
  assert.deepEqual(await said(), ['kept', 'checking'])
  assert.ok(await tab.run(() => globalThis.done.every(count => count > 50)), 'it was shown as the earlier visit found it')
  await tab.see('st-incomplete p', 'Layer 1 could not be read')
  assert.deepEqual(await tab.run(() => {
    const { tree } = document.querySelector('stevedore-inspector').session
    return [...new Set(Array.from(tree.walk(), node => tree.facts(node).layer))].filter(layer => layer > 0)
  }), [])
  await tab.see('st-files .row', 'bin')
  await tab.shot('harmed')
})

test('an image of a registry is shown as it was, which is said, and is read again on demand', async () => {
  const asked = async () => (await (await fetch(`http://${world.counted}/count`)).json()).blobs
  await visit()
  assert.deepEqual(await said(), [])
  const { each } = await (await fetch(`http://${world.counted}/count`)).json()
  assert.equal(Object.keys(each).length, 5)
  assert.deepEqual(Object.values(each).filter(n => n > 1), [], 'each blob is fetched once')
  const rows = await tab.lines('st-files', '.row')
  const before = await asked()
  assert.equal(await kept(2), 2)
  await visit()
  assert.deepEqual(await said(), ['kept'])
  assert.deepEqual(await tab.lines('st-files', '.row'), rows)
  assert.equal(await asked(), before)
  await tab.shot('again')
  await tab.click('st-summary .earlier button', 'Read again')
  await tab.gone('st-summary .earlier')
  await tab.read()
  assert.deepEqual(await tab.lines('st-files', '.row'), rows)
})

test('of what is kept nothing is believed that is damaged', async () => {
  assert.ok((await kept(2)) >= 2)
  await tab.run(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('stevedore-answers')
    for await (const handle of folder.values()) {
      const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer())
      bytes[bytes.length >> 1] ^= 1
      const out = await handle.createWritable()
      await out.write(bytes)
      await out.close()
    }
  })
  await drop('harbor.oci.tar')
  await tab.read()
  assert.deepEqual(await said(), [])
  await tab.see('st-files .row', 'etc')
})

test('a layer that is damaged where it is kept is fetched anew when a file of it is looked at', async () => {
  await visit()
  assert.equal(await kept(2), 2)
  const harmed = await tab.run(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('stevedore-blobs')
    let n = 0
    for await (const handle of folder.values()) {
      const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer())
      if (bytes[0] === 0x7b) continue // the config
      bytes[bytes.length >> 1] ^= 1
      const out = await handle.createWritable()
      await out.write(bytes)
      await out.close()
      n++
    }
    return n
  })
  assert.ok(harmed >= 4)
  await visit('&path=/bin/busybox')
  await tab.see('st-viewer dd', '64-bit ARM')
  assert.deepEqual(await said(), ['kept'])
})

test('a person sees how much is kept, and lets go of it', async () => {
  await drop('harbor.oci.tar')
  await tab.read()
  assert.ok((await kept(1)) >= 1)
  await fresh()
  await tab.see('#kept', 'kept in this browser')
  await tab.shot('kept')
  await tab.click('#kept button', 'Forget')
  await tab.gone('#kept')
  assert.equal(await kept(0), 0)
  await tab.drop('/fixtures/harbor.oci.tar', 'harbor.oci.tar')
  await tab.read()
  assert.deepEqual(await said(), [])
})
