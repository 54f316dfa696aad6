// What is open is taken away: as a download, or into a registry. WORLD.out is where the downloads are left for other tools to read.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { server, tab, world } from './setting.mjs'

async function visit(fragment) {
  await tab.goto('about:blank')
  await tab.goto(`${server.url}#${fragment}`)
  await tab.read()
  await tab.click('.take')
  await tab.see('st-copy legend')
}

const choose = value => tab.click(`st-copy input[value=${value}]`)

/** Presses the button and keeps what the browser gets to save; without a picker, which no driver can answer. */
async function download(file) {
  const base64 = await tab.run(async () => {
    globalThis.showSaveFilePicker = undefined
    const saved = new Promise(resolve => {
      const make = URL.createObjectURL
      URL.createObjectURL = blob => {
        if (!(blob instanceof Blob) || blob.type === 'text/javascript') return make.call(URL, blob)
        URL.createObjectURL = make
        resolve(blob)
        return 'data:,'
      }
    })
    find('st-copy .main').click()
    const blob = await Promise.race([saved, new Promise((_, no) => setTimeout(() => no(new Error(find('st-copy').shadowRoot.textContent)), 30_000))])
    const url = await new Promise(ok => { const r = new FileReader(); r.onload = () => ok(r.result); r.readAsDataURL(blob) })
    return url.slice(url.indexOf(',') + 1)
  })
  await writeFile(join(world.out, file), Buffer.from(base64, 'base64'))
  await tab.see('st-copy .done', 'Saved.')
  return (await tab.lines('st-copy', '.digest'))[0]
}

async function copied() {
  await tab.see('st-copy .done', 'Copied.')
  return (await tab.lines('st-copy', '.digest'))[0]
}

test('an index is downloaded whole, with its digest', async () => {
  await visit('ref=example:latest')
  await tab.see('st-foot code', 'stevedore copy oci:testdata/harbor:latest oci-archive:harbor-latest.tar:latest')
  await tab.shot('copy')
  assert.equal(await download('whole.tar'), world.index)
  await tab.shot('saved')
  tab.calm()
})

test('one platform of it is downloaded as another format', async () => {
  await tab.select('#which', 'linux/arm64/v8')
  await tab.see('st-foot code', 'stevedore copy --platform linux/arm64/v8 oci:testdata/harbor:latest oci-archive:harbor-latest-linux-arm64-v8.tar:latest')
  assert.equal(await download('one.tar'), world.other.manifest)
  await choose('docker-archive')
  await tab.see('st-foot code', 'docker-archive:harbor-latest-linux-arm64-v8.tar:harbor:latest')
  assert.equal(await download('docker.tar'), world.other.manifest)
  await tab.see('st-copy .done', 'Left out: 1 of 2 images: linux/amd64')
})

test('where the browser lets a page save to the disk, it is written there', async () => {
  await choose('oci-archive')
  const digest = await tab.run(async () => {
    const root = await navigator.storage.getDirectory()
    const handle = await root.getFileHandle('picked.tar', { create: true })
    globalThis.showSaveFilePicker = async ({ suggestedName }) => {
      globalThis.suggested = suggestedName
      return handle
    }
    find('st-copy .main').click()
    while (!find('st-copy .done')) await new Promise(r => setTimeout(r, 30))
    return [globalThis.suggested, (await handle.getFile()).size]
  })
  assert.equal(digest[0], 'harbor-latest-linux-arm64-v8.tar')
  assert.ok(digest[1] > 1_000_000)
})

/** Whether the browser would ask before the page is left. */
const asks = () => tab.run(() => !dispatchEvent(new Event('beforeunload', { cancelable: true })))

test('a download goes on while another platform is looked at', async () => {
  await visit('ref=example:latest')
  await tab.run(() => { // a slow disk
    globalThis.written = 0
    const ready = new Promise(resolve => { globalThis.release = resolve })
    const createWritable = async () => ({
      write: async blob => { await ready; globalThis.written += blob.size },
      close: async () => {},
      abort: async () => { globalThis.written = -1 },
    })
    globalThis.showSaveFilePicker = async () => ({ createWritable })
  })
  await tab.click('st-copy .main')
  await tab.see('st-copy .busy', 'Writing harbor-latest.tar from the bundled example:latest, all platforms')
  assert.ok(await asks(), 'a reload would end it')
  await tab.select('#platform', 'linux/arm64/v8')
  await tab.see('.words', '64-bit ARM')
  await tab.read()
  await tab.see('st-copy .busy', 'harbor-latest.tar')
  await tab.click('[role=tab]', 'Files')
  await tab.see('st-running .words', 'Writing harbor-latest.tar')
  await tab.shot('goes-on')
  await tab.run(() => globalThis.release())
  await tab.see('st-running .words', 'harbor-latest.tar is written.')
  assert.ok(!(await asks()), 'there is nothing to lose')
  assert.ok((await tab.run(() => globalThis.written)) > 2_000_000)
  await tab.click('[role=tab]', 'Copy')
  assert.deepEqual(await tab.lines('st-copy', '.digest'), [world.index])
  await tab.click('[role=tab]', 'Files')
  await tab.click('st-running button', 'Close')
  await tab.gone('st-running')
  tab.calm()
})

test('a dropped file is copied to a registry', async () => {
  await tab.goto('about:blank')
  await tab.goto(server.url)
  await tab.drop('/fixtures/harbor.oci.tar', 'harbor.oci.tar')
  await tab.see('h1', 'harbor.oci.tar')
  await tab.read()
  await tab.select('st-summary select', 'latest')
  await tab.read()
  await tab.click('.take')
  await choose('registry')
  await tab.type('#to', `${world.to}/dropped:1`)
  await tab.see('st-foot code', `stevedore copy oci-archive:harbor.oci.tar:latest ${world.to}/dropped:1`)
  await tab.click('st-copy .main')
  assert.equal(await copied(), world.index)
  await tab.shot('copied')
})

test('registry to registry: with a login for the one that wants it', async () => {
  await visit(`ref=${world.open}/harbor:latest`)
  await choose('registry')
  await tab.type('#to', `${world.secret}/private:1`)
  await tab.click('st-copy .main')
  await tab.see('st-copy st-problem form')
  await tab.see('st-copy label', world.secret)
  assert.ok(await tab.run(() => {
    const { bottom } = find('st-copy st-problem button', 'Log in').getBoundingClientRect()
    return bottom <= find('st-copy').getBoundingClientRect().bottom
  }), 'the form is in sight')
  await tab.shot('copy-login')
  await tab.type('input[name=username]', 'user')
  await tab.type('input[name=password]', 'open sesame')
  await tab.click('st-copy st-problem button', 'Log in')
  assert.equal(await copied(), world.index)
})

test('to a registry that lets no page write it says what to do, and the relay writes', async () => {
  await visit(`ref=${world.open}/harbor:latest`)
  await choose('registry')
  await tab.type('#to', `${world.closed}/relayed:1`)
  await tab.click('st-copy .main')
  await tab.see('st-copy .what', `--allow-push ${world.closed}`)
  await tab.goto('about:blank')
  await tab.goto(world.web)
  await tab.type('#ref', `${world.open}/harbor:latest`)
  await tab.click('button', 'Look inside')
  await tab.see('st-summary h1')
  await tab.read()
  await tab.click('.take')
  await choose('registry')
  await tab.type('#to', `${world.closed}/relayed:1`)
  await tab.click('st-copy .main')
  assert.equal(await copied(), world.index)
})

test('a copy is stopped, and leaves nothing', async () => {
  await tab.goto('about:blank')
  await tab.goto(server.url)
  await tab.driver.choose('#file', world.large)
  await tab.see('.busy', 'Reading layers')
  await tab.click('.busy button', 'Stop')
  await tab.see('st-problem h2', 'Stopped.')
  await tab.click('.take')
  await tab.see('st-foot code', 'stevedore copy docker-archive:large.tar oci-archive:large-copy.tar')
  await tab.run(() => { globalThis.showSaveFilePicker = undefined })
  await tab.click('st-copy .main')
  await tab.see('st-copy .busy', ' of ')
  await tab.shot('copying')
  await tab.click('.mark')
  await tab.see('h1', 'Look inside')
  await tab.click('#example')
  await tab.read()
  await tab.click('st-running button', 'Stop')
  await tab.see('st-running .words', 'large-copy.tar was stopped.')
  await tab.click('.take')
  await tab.see('st-copy st-problem h2', 'Stopped.')
  await tab.gone('st-copy .busy')
  assert.equal(await tab.run(async () => {
    let size = 0
    for await (const file of (await (await navigator.storage.getDirectory()).getDirectoryHandle('stevedore-download')).values()) size += (await file.getFile()).size
    return size
  }), 0)
})
