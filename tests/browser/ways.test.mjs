// More ways to bring an image: folders and pasting; where digests lead; and the page without its server.

import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { serve } from './server.mjs'
import { browser, server, tab, world } from './setting.mjs'

const layout = join(world.fixtures, 'harbor')

async function shown(title) {
  await tab.see('st-summary h1', title)
  await tab.read()
  await tab.see('st-files .row', 'etc')
}

test('a chosen folder is shown', { skip: browser === 'firefox' ? 'WebDriver BiDi chooses no folder in Firefox' : false }, async () => {
  await tab.goto(server.url)
  await tab.driver.choose('#folder', layout)
  await shown('harbor')
  await tab.see('st-foot code', 'oci:harbor:')
  await tab.shot('folder')
})

test('a dropped folder is shown', { skip: browser === 'firefox' ? 'no driver drops from the disk into Firefox; the next test stands in' : false }, async () => {
  await tab.goto('about:blank')
  await tab.goto(server.url)
  await tab.see('#example')
  await tab.driver.drop(layout)
  await shown('harbor')
  tab.calm()
})

test('a folder as skopeo copy … dir: writes it is shown', { skip: browser === 'firefox' ? 'WebDriver BiDi chooses no folder in Firefox' : false }, async () => {
  const folder = join(await mkdtemp(join(tmpdir(), 'dir-')), 'plain')
  await mkdir(folder)
  try {
    const blob = digest => join(layout, 'blobs', digest.replace(':', '/'))
    const { manifests } = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'))
    const amd64 = blob(manifests.find(m => m.annotations?.['org.opencontainers.image.ref.name'] === 'amd64').digest)
    await cp(amd64, join(folder, 'manifest.json'))
    await writeFile(join(folder, 'version'), 'Directory Transport Version: 1.1\n')
    const { config, layers } = JSON.parse(await readFile(amd64, 'utf8'))
    for (const { digest } of [config, ...layers]) await cp(blob(digest), join(folder, digest.replace(/.*:/, '')))
    await tab.goto('about:blank')
    await tab.goto(server.url)
    await tab.driver.choose('#folder', folder)
    await shown('plain')
    await tab.see('st-foot code', 'dir:plain')
    tab.calm()
  } finally {
    await rm(join(folder, '..'), { recursive: true })
  }
})

test('a folder as the browser hands it over is walked to its end', async () => {
  await tab.goto('about:blank')
  await tab.goto(server.url)
  await tab.see('#example')
  const names = ['oci-layout', 'index.json']
  const { manifests } = JSON.parse(await (await fetch(`${server.url}fixtures/harbor/index.json`)).text())
  const todo = manifests.map(m => m.digest)
  while (todo.length > 0) { // every blob that the layout leads to
    const name = `blobs/${todo.pop().replace(':', '/')}`
    if (names.includes(name)) continue
    names.push(name)
    const text = await (await fetch(`${server.url}fixtures/harbor/${name}`)).text()
    if (text.startsWith('{')) todo.push(...Object.values(JSON.parse(text)).flat().map(v => v?.digest).filter(Boolean))
  }
  await tab.run(async names => { // entries as https://wicg.github.io/entries-api/ has them: a directory is read in parts
    const file = async name => new File([await (await fetch(`/fixtures/harbor/${name}`)).blob()], name.split('/').at(-1))
    const files = new Map(await Promise.all(names.map(async name => [name, await file(name)])))
    const entry = path => {
      const found = files.get(path)
      if (found) return { isFile: true, isDirectory: false, name: found.name, file: ok => ok(found) }
      const kids = [...new Set(names.filter(n => !path || n.startsWith(`${path}/`)).map(n => n.slice(path ? path.length + 1 : 0).split('/')[0]))]
      const createReader = () => {
        const left = kids.map(kid => entry(path ? `${path}/${kid}` : kid))
        return { readEntries: ok => ok(left.splice(0, 3)) }
      }
      return { isFile: false, isDirectory: true, name: path.split('/').at(-1) || 'walked', createReader }
    }
    const event = new Event('drop', { bubbles: true, cancelable: true })
    const items = [{ kind: 'file', webkitGetAsEntry: () => entry(''), getAsFile: () => null }]
    Object.defineProperty(event, 'dataTransfer', { value: { items, getData: () => '' } })
    document.body.dispatchEvent(event)
  }, names)
  await shown('walked')
})

test('a folder without an image says what is missing', { skip: browser === 'firefox' }, async () => {
  await tab.driver.choose('#folder', join(layout, 'blobs'))
  await tab.see('st-problem .what', 'There is no image in this folder')
})

test('a pasted file and a pasted reference are shown', async () => {
  await tab.paste({ url: '/fixtures/harbor.oci.tar', name: 'pasted.tar' })
  await shown('pasted.tar')
  await tab.paste({ text: `${world.open}/harbor:arm64\n` })
  await shown(`${world.open}/harbor:arm64`)
})

test("digests of another platform's documents lead on", async () => {
  await tab.goto('about:blank')
  await tab.goto(`${server.url}#ref=example:latest&tab=manifest&doc=index`)
  await tab.read()
  await tab.click('st-json .link', world.other.manifest)
  await tab.see('st-documents .what', 'the image for linux/arm64/v8')
  await tab.see('st-foot code', `stevedore inspect --raw oci:testdata/harbor@${world.other.manifest}`)
  const whole = () => tab.see('st-json .key')
  await whole()
  const plain = () => tab.run(() => [...find('st-json').shadowRoot.querySelectorAll('.string')].filter(e => /^"sha256:/.test(e.textContent)).length)
  assert.equal(await plain(), 0)
  await tab.click('st-json .link', world.other.config)
  await tab.see('st-documents .what', 'Config of linux/arm64/v8')
  await tab.see('st-foot code', `stevedore inspect --config oci:testdata/harbor@${world.other.manifest}`)
  await whole()
  assert.equal(await plain(), 0)
  await tab.shot('other-config')
  const url = await tab.url()
  await tab.goto('about:blank')
  await tab.goto(url)
  await tab.click('st-json .link', world.other.diffId)
  await tab.see('.words', '64-bit ARM')
  await tab.read()
  await tab.see('st-layers.layers .one[aria-pressed=true] .chip', '1')
  await tab.run(() => history.back())
  await tab.see('st-documents .what', 'Config of linux/arm64/v8')
})

test('on a phone the selected tab is in sight', async () => {
  const inSight = () => tab.run(() => {
    const selected = find('[role=tab][aria-selected=true]')
    const row = selected.parentElement.getBoundingClientRect()
    const { left, right } = selected.getBoundingClientRect()
    return [selected.textContent, row.right - row.left < selected.parentElement.scrollWidth, left >= row.left && right <= row.right]
  })
  await tab.driver.resize(390, 780)
  try {
    await tab.goto('about:blank')
    await tab.goto(`${server.url}#ref=example:latest&tab=copy`)
    await tab.read()
    assert.deepEqual(await inSight(), ['Copy', true, true])
    await tab.run(() => find('[role=tab][aria-selected=true]').focus())
    for (const title of ['Files', 'Layers', 'Largest', 'Map', 'Config', 'Manifest', 'Copy']) {
      await tab.driver.press('ArrowRight')
      await tab.see('[role=tab][aria-selected=true]', title)
      assert.deepEqual(await inSight(), [title, true, true])
    }
    await tab.click('.mark')
    await tab.click('#example')
    await tab.read()
    assert.deepEqual(await inSight(), ['Files', true, true])
    await tab.click('.take')
    await tab.see('st-copy legend')
    assert.deepEqual(await inSight(), ['Copy', true, true])
  } finally {
    await tab.driver.resize(1280, 800)
  }
})

test('once visited, the page starts without its server, and a new build takes the place of the old one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'offline-'))
  await cp(world.dist, join(folder, 'sub'), { recursive: true })
  let host = await serve({ '/fixtures/': world.fixtures, '/': folder })
  const port = new URL(host.url).port
  const url = `${host.url}sub/`
  try {
    await tab.goto(url)
    await tab.click('#example')
    await tab.read()
    await tab.run(() => navigator.serviceWorker.ready.then(r => (r.active.state === 'activated' ? undefined : new Promise(ok => { r.active.onstatechange = ok }))))
    host.close()
    await tab.goto('about:blank')
    await tab.goto(url)
    await tab.see('h1', 'Look inside a container image')
    await tab.click('#example')
    await shown('the bundled example')
    if (tab.driver.drop) {
      await tab.driver.drop(join(world.fixtures, 'harbor.docker.tar'))
      await shown('harbor.docker.tar')
    }
    await tab.shot('offline')

    const old = (await readFile(join(folder, 'sub/index.html'), 'utf8')).match(/assets\/index-[^"]*\.js/)[0]
    const fresh = old.replace(/index-/, 'index-next-')
    await rename(join(folder, 'sub', old), join(folder, 'sub', fresh)) // the next build: other names, and those of before are gone
    for (const name of ['index.html', 'offline.js']) await writeFile(join(folder, 'sub', name), (await readFile(join(folder, 'sub', name), 'utf8')).replaceAll(old, fresh))
    host = await serve({ '/fixtures/': world.fixtures, '/': folder }, port)
    await tab.goto('about:blank')
    await tab.goto(url)
    await tab.see('#example')
    assert.ok(await tab.run(fresh => !!document.querySelector(`script[src$="${fresh}"]`), fresh), 'with a network the newest build is shown at once')
    await tab.run(async fresh => {
      for (let i = 0; i < 200 && !(await caches.keys()).some(name => name.endsWith(fresh)); i++) await new Promise(r => setTimeout(r, 50))
      const { installing } = await navigator.serviceWorker.getRegistration()
      if (installing) await new Promise(ok => { installing.onstatechange = () => installing.state === 'activated' && ok() })
    }, fresh)
    host.close()
    await tab.goto('about:blank')
    await tab.goto(url)
    await tab.see('#example')
    assert.ok(await tab.run(fresh => !!document.querySelector(`script[src$="${fresh}"]`), fresh), 'and without one, too')
    await tab.click('#example')
    await shown('the bundled example')
  } finally {
    host.close()
    await rm(folder, { recursive: true })
  }
})

test('stevedore web leaves nothing behind at its address', async () => {
  await tab.goto(world.web)
  await tab.click('#example')
  await tab.read()
  assert.equal(await tab.run(async () => (await navigator.serviceWorker.getRegistrations()).length), 0)
})
