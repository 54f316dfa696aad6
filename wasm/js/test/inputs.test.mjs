import assert from 'node:assert/strict'
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { input } from '../disk.js'
import { describe, find, tree } from '../inputs.js'
import { none, reactor } from './fake.mjs'

const bytes = new TextEncoder().encode('0123456789')
const file = (name, path) => Object.defineProperty(new File([bytes], name), 'webkitRelativePath', { value: path })
const read = async (n, off, len) => {
  const from = n.open ? await n.open() : n
  const text = new TextDecoder().decode(await from.read(off, len))
  await from.close?.()
  return text
}

test('every form of an input is the same tree', async () => {
  const lazy = { list: async () => [{ name: 'b', size: 10 }], open: async name => (name === 'b' ? bytes : undefined) }
  const forms = {
    object: { a: { b: bytes } }, map: new Map([['a', new Map([['b', bytes.buffer]])]]), paths: { './a//b': new Blob([bytes]) },
    files: [file('b', 'a/b')], lazy: { a: lazy }, range: { 'a/b': { size: 10, read: async (off, n) => bytes.subarray(off, off + n) } },
  }
  for (const [name, form] of Object.entries(forms)) {
    const root = tree(form)
    assert.equal(await read(await find(root, 'a/./b'), 3, 4), '3456', name)
    assert.deepEqual(await describe(await find(root, 'a/')), { kind: 'dir', entries: [{ name: 'b', size: 10 }] }, name)
    for (const missing of ['b', 'a/c', 'a/b/c', '/a/b', '', '.', '__proto__', 'constructor', 'a/../a/b']) {
      assert.equal(await find(root, missing), undefined, `${name} ${missing}`)
    }
  }
  assert.ok(await find(tree({ '/abs/x.tar': bytes }), '/abs/x.tar'))
  for (const bad of [bytes, new Blob([]), { a: 1 }, { a: null }, { '': bytes }, { a: bytes, 'a/b': bytes }]) assert.throws(() => tree(bad), TypeError)
})

test('inputs of the disk', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'stevedore-'))
  try {
    await mkdir(join(dir, 'sub'))
    await writeFile(join(dir, 'sub', 'f'), bytes)
    const root = tree({ d: await input(dir) })
    assert.equal(await read(await find(root, 'd/sub/f'), 8, 10), '89')
    assert.deepEqual(await describe(await find(root, 'd')), { kind: 'dir', entries: [{ name: 'sub', dir: true }] })
    assert.equal(await find(root, 'd/none/f'), undefined)
    assert.equal(await find(root, 'd/../../etc/passwd'), undefined)
    await assert.rejects(input(join(dir, 'none')))
  } finally {
    await rm(dir, { recursive: true })
  }
})

test('the guest opens inputs, reads them by pieces and is told what is missing', async () => {
  const got = []
  const next = [{ type: 'pread', id: 1, off: 0, max: 4 }, { type: 'pread', id: 1, off: 8, max: 65536 }, { type: 'pread', id: 1, off: 99, max: 1 },
    { type: 'open', call: 1, id: 2, name: 'none' }, { type: 'open', call: 1, id: 3, name: 'broken' }, { type: 'pread', id: 3, off: 0, max: 1 },
    { type: 'credential', call: 1, id: 4, registry: 'r' }, { type: 'credential', call: 1, id: 5, registry: 'fails' }, { type: 'result', call: 1, value: 1 }]
  const { reactor: r } = reactor((h, payload, g) => {
    if (h.type === 'call') g.emit({ type: 'open', call: 1, id: 1, name: 'a' })
    else if (h.type !== 'hello') {
      got.push([h.type, h.size ?? h.kind ?? h.password ?? new TextDecoder().decode(payload)])
      g.emit(next.shift())
    }
  })
  const broken = { size: 5, read: async () => { throw new Error('I/O') } }
  const credentials = registry => (registry === 'r' ? { username: 'u', password: 'p' } : Promise.reject(new Error('no helper')))
  await r.call('one', {}, none, { inputs: { a: bytes, broken }, credentials })
  assert.deepEqual(got, [['opened', 10], ['data', '0123'], ['data', '89'], ['data', ''], ['fault', 'not_found'], ['opened', 5],
    ['fault', 'network'], ['credential', 'p'], ['fault', 'unsupported']])
})
