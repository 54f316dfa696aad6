// What a person does with the page, in the browser that BROWSER names. WORLD has what the Go test set up:
// {dist, fixtures, large, open, closed, secret, web}: folders, a file, registries and the address of stevedore web.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { serve } from './server.mjs'
import { browser, server, tab, world } from './setting.mjs'

const everywhere = { concurrency: false }
/** WebKit shows that the page loads, opens the example and what is dropped. */
const here = { ...everywhere, skip: browser === 'webkit' ? 'WebKit is driven as far as load, example and drop' : false }

/** What is seen of an image: compared in every browser with the same text. */
async function seen() {
  return [
    await tab.lines('st-summary', 'h1, .words'), await tab.lines('st-layers.layers', '.one'), await tab.lines('st-files', '.row'), await tab.lines('st-foot', 'code'),
  ]
}

test('the page loads', everywhere, async () => {
  await tab.goto(server.url)
  await tab.see('h1', 'Look inside a container image')
  await tab.shot('start')
  tab.calm()
})

test('the example is shown', everywhere, async () => {
  await tab.click('#example')
  await tab.read()
  await tab.golden('example', await seen())
  assert.match(await tab.url(), /#ref=example:latest$/)
  assert.ok([...server.served].some(path => /zip-module.*\.wasm$/.test(path)), 'zlib is loaded: without it all is as right, and three times slower')
  await tab.shot('example')
  tab.calm()
})

// Early, since in Firefox a later one leaves the window without the focus, and then a key presses no button.
test('while an image is open every way to open another is at hand, by keys and on a phone', here, async () => {
  const focused = () => tab.run(() => {
    let at = document.activeElement
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
    return at?.textContent
  })
  const picked = id => tab.run(async id => {
    for (let i = 0; i < 100 && globalThis.picked !== id; i++) await new Promise(r => setTimeout(r, 30)) // a key takes its way
    return [globalThis.picked, id]
  }, id)
  try {
    for (const [width, height] of [[1280, 800], [390, 780]]) {
      await tab.driver.resize(width, height)
      await tab.goto('about:blank')
      await tab.goto(`${server.url}#ref=example:arm64`)
      await tab.read()
      await tab.run(() => { // no dialog of the browser
        HTMLInputElement.prototype.click = function () { globalThis.picked = this.id }
        find('header #ref, #ref').focus()
      })
      await tab.driver.press('Tab')
      assert.equal(await focused(), 'Open')
      await tab.driver.press('Tab')
      if (width < 720) {
        await tab.gone('button', 'Folder…')
        await tab.driver.press('Enter')
        await tab.shot('ways')
        await tab.driver.press('Tab')
      }
      assert.equal(await focused(), 'File…')
      await tab.driver.press('Tab')
      assert.equal(await focused(), 'Folder…')
      await tab.driver.press('Enter')
      assert.deepEqual(await picked('folder'), ['folder', 'folder'])
      if (width < 720) {
        await tab.gone('button', 'Folder…')
        await tab.click('.more')
      }
      await tab.click('.ways button', 'File…')
      assert.deepEqual(await picked('file'), ['file', 'file'])
      if (width < 720) await tab.click('.more')
      await tab.click('.ways button', 'Example')
      await tab.read()
      assert.match(await tab.url(), /#ref=example:latest$/)
    }
  } finally {
    await tab.driver.resize(1280, 800)
  }
})

test('a dropped docker save archive is shown', everywhere, async () => {
  await tab.drop('/fixtures/harbor.docker.tar', 'harbor.docker.tar')
  await tab.see('h1', 'harbor.docker.tar')
  await tab.read()
  await tab.golden('docker-save', await seen())
  await tab.shot('docker-save')
})

test('a dropped oci archive is shown, and which image of it can be chosen', everywhere, async () => {
  await tab.drop('/fixtures/harbor.oci.tar', 'harbor.oci.tar')
  await tab.see('h1', 'harbor.oci.tar')
  await tab.read()
  await tab.golden('oci-archive', await seen())
  await tab.select('st-summary select', 'arm64')
  await tab.see('.words', '64-bit ARM')
  await tab.read()
  await tab.shot('oci-archive')
})

test('a dropped archive that is compressed is shown', everywhere, async () => {
  await tab.drop('/fixtures/harbor.docker.tar.gz', 'harbor.docker.tar.gz')
  await tab.see('h1', 'harbor.docker.tar.gz')
  await tab.read()
  const [, , rows] = await seen()
  assert.equal(rows.length, 13)
})

test('of a broken archive it is said what is wrong', everywhere, async () => {
  await tab.drop('/fixtures/cut.oci.tar', 'cut.oci.tar')
  await tab.read('failed')
  await tab.golden('broken', await tab.lines('st-problem', 'h2, .what, .kind'))
  await tab.shot('broken')
  await tab.drop('/fixtures/no.tar', 'no.tar')
  await tab.see('.what', 'no.tar is no tar archive')
  await tab.type('#ref', 'https://registry.example/team/app')
  await tab.click('button', 'Open')
  await tab.see('.what', 'Type the name as docker pull takes it')
})

test('of an image with a broken layer the layers below it are shown', everywhere, async () => {
  await tab.goto(server.url)
  await tab.drop('/fixtures/damaged.oci.tar', 'damaged.oci.tar')
  await tab.read('failed')
  await tab.select('st-summary select', 'amd64')
  await tab.see('st-incomplete p', 'Incomplete')
  await tab.golden('damaged', [await tab.lines('st-problem', 'h2, .what, .kind'), await tab.lines('st-incomplete', 'p'), await tab.lines('st-layers.layers', '.one'), await tab.lines('st-files', '.row, [role=status]')])
  await tab.shot('damaged')
  await tab.click('.one', 'netbase')
  await tab.gone('st-incomplete p', 'Incomplete')
  await tab.click('.one', 'could not be read')
  await tab.see('st-incomplete p', 'is not checked')
  await tab.click('.one', 'not read')
})

test('what an address asks for and the image does not have is said, and the address is put right', here, async () => {
  const at = async (fragment, ...seen) => {
    await tab.goto('about:blank')
    await tab.goto(`${server.url}#ref=example:amd64${fragment}`)
    await tab.read()
    await tab.see(...seen)
    return (await tab.url()).replace(/.*#ref=example:amd64/, '')
  }
  assert.equal(await at('&layer=77', '.warnings', 'There is no layer 77 here: the 4 layers are counted from 0'), '')
  await tab.see('st-files [role=status]', '98 files')
  assert.equal(await at('&layer=two&tab=nonsense&sort=colour', 'st-files [role=status]', '98 files'), '')
  assert.equal(await at('&tab=manifest&doc=nonsense', '.warnings', '"nonsense" names no document'), '&tab=manifest')
  await tab.see('st-json .key', 'layers')
  assert.equal(await at('&path=/no/such', 'st-viewer .facts', 'There is no such path here'), '&path=/no/such')
  assert.equal(await at('&path=etc/passwd/', 'st-files .row[aria-selected=true]', 'passwd'), '&path=/etc/passwd')
  assert.equal(await at('&tab=map&zoom=/bin/busybox', '.box', 'etc'), '&tab=map&zoom=/bin/busybox')
  const none = `sha256:${'0'.repeat(64)}`
  assert.equal(await at(`&tab=manifest&doc=${none}`, 'st-problem .kind', 'not_found'), `&tab=manifest&doc=${none}`)
  await tab.see('st-problem h2', 'It is not there.')
})

test('the platforms of an index are to choose from', here, async () => {
  await tab.goto(`${server.url}#ref=example:latest`)
  await tab.read()
  await tab.select('#platform', 'linux/arm64/v8')
  await tab.see('.words', 'Linux on 64-bit ARM (arm64/v8)')
  await tab.read()
  assert.match(await tab.url(), /platform=linux\/arm64\/v8/)
})

test('the tree opens, by mouse and by keys', here, async () => {
  await tab.goto(`${server.url}#ref=example:amd64`)
  await tab.read()
  await tab.click('st-files .row', 'etc')
  await tab.see('st-files .row', 'passwd')
  await tab.click('st-files .row', 'etc')
  await tab.gone('st-files .row', 'passwd')
  await tab.run(() => find('st-rows[role=tree]').focus())
  for (const key of ['Home', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowRight', 'ArrowDown']) await tab.driver.press(key)
  await tab.see('st-files .row[aria-selected=true]', 'banner.hard')
  await tab.driver.press('ArrowLeft')
  await tab.see('st-files .row[aria-selected=true]', 'etc')
  await tab.driver.press('ArrowLeft')
  await tab.gone('st-files .row', 'passwd')
  await tab.driver.press('Escape')
  await tab.gone('st-viewer')
})

test('files are found by name and by pattern', here, async () => {
  await tab.type('#q', 'PASS')
  await tab.see('st-files [role=status]', '1 found')
  await tab.see('st-foot code', "stevedore files oci:testdata/harbor:amd64 | grep -i 'PASS[^/]*$'")
  await tab.type('#q', '/usr/**/GPL-?')
  await tab.see('st-files [role=status]', '3 found')
  assert.deepEqual((await tab.lines('st-files', '.row .clip')).slice(0, 6).filter(l => l.startsWith('GPL')), ['GPL-1', 'GPL-2', 'GPL-3'])
  await tab.see('st-foot code', "'/usr/**/GPL-?'")
  await tab.shot('search')
  await tab.type('#q', '')
  await tab.see('st-files [role=status]', '98 files')
})

test('the largest file is found at once', here, async () => {
  await tab.click('[role=tab]', 'Largest')
  assert.match((await tab.lines('st-largest', '.row'))[0], /^2\.0 MB 86 % \/bin\/ ?busybox 0$/)
  await tab.click('[role=tab]', 'Map')
  await tab.see('.box', 'busybox')
  await tab.shot('map')
  await tab.see('st-foot code', 'sort_by(-.size)')
  await tab.click('.one', 'netbase')
  await tab.see('st-map nav', 'Layer 1')
  await tab.gone('.box', 'busybox')
  await tab.see('st-foot code', '--layer 1')
  await tab.click('[role=tab]', 'Largest')
  assert.match((await tab.lines('st-largest', '.row'))[0], /^74 kB 22 % \/etc\/ ?mime.types 1$/)
  await tab.click('st-largest button', 'Layer 1')
  await tab.see('st-largest .row', 'busybox')
  await tab.click('[role=tab]', 'Map')
  await tab.click('.box.folder', 'usr')
  await tab.see('nav b', 'usr')
  assert.match(await tab.url(), /tab=map.*zoom=\/usr/)
})

test('files are shown as what they are', here, async () => {
  const look = async path => {
    await tab.run(path => document.querySelector('stevedore-inspector').dispatchEvent(Object.assign(new Event('go'), { change: { tab: 'files', path } })), path)
    await tab.see('st-viewer h2', path)
  }
  await look('/etc/passwd')
  await tab.see('st-text .line', 'root:x:0:0')
  await tab.click('.looks button', 'Bytes')
  await tab.see('st-hex .line', '72 6f 6f 74')
  const fits = await tab.run(async () => {
    const rows = find('st-hex st-rows')
    for (let frame = 0; frame < 30 && rows.scrollWidth > rows.clientWidth; frame++) await new Promise(requestAnimationFrame) // the width is known after the first
    return rows.scrollWidth <= rows.clientWidth
  })
  assert.ok(fits, 'bytes and characters are seen side by side')
  await look('/bin/busybox')
  await tab.see('st-viewer dd', '64-bit x86, little-endian')
  await tab.see('st-viewer dd', 'statically')
  await tab.shot('elf')
  await tab.run(() => find('st-viewer .close').focus())
  await tab.driver.press('Enter')
  await tab.gone('st-viewer')
  await tab.see('st-rows:focus')
  await look('/opt/app/links/escape')
  await tab.see('st-viewer .body', 'It points to')
  await look('/etc/banner.hard')
  await tab.see('st-text .line')
  await look('/opt/app/links/hard')
  await tab.see('st-viewer .tools', 'the same file as')
  tab.calm()
})

test('a file has a history through the layers', here, async () => {
  await tab.run(() => document.querySelector('stevedore-inspector').dispatchEvent(Object.assign(new Event('go'), { change: { path: '/etc/banner' } })))
  await tab.see('.past', 'changed')
  await tab.golden('history', await tab.lines('st-viewer', '.past li'))
  await tab.shot('history')
  await tab.click('.past .chip', '0')
  await tab.see('st-text .line')
  await tab.see('st-foot code', '--layer 0')
})

test('a layer filters the tree, and says what it does', here, async () => {
  await tab.goto(`${server.url}#ref=example:amd64&layer=2`)
  await tab.read()
  await tab.see('st-files [role=status]', '12 entries')
  await tab.click('st-files .row', 'etc')
  await tab.see('st-files .row .gone', 'motd')
  await tab.golden('layer', await tab.lines('st-files', '.row'))
  await tab.shot('layer')
  await tab.click('.one', 'All layers together')
  await tab.see('st-files [role=status]', '98 files')
})

test('files and folders are downloaded', here, async () => {
  const kept = (path, button) => tab.run(async (path, button) => {
    document.querySelector('stevedore-inspector').dispatchEvent(Object.assign(new Event('go'), { change: { layer: undefined, path } }))
    const blob = await new Promise(resolve => {
      const make = URL.createObjectURL
      URL.createObjectURL = blob => {
        URL.createObjectURL = make
        resolve(blob)
        return 'data:,'
      }
      const click = () => (find('st-viewer h2', path) && find('st-viewer button', button) ? find('st-viewer button', button).click() : setTimeout(click, 30))
      click()
    })
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()))
    return { size: blob.size, digest: Array.from(digest, b => b.toString(16).padStart(2, '0')).join('') }
  }, path, button)
  assert.deepEqual(await kept('/bin/busybox', 'Download'), world.busybox)
  assert.deepEqual(await kept('/opt/app', 'Download as tar'), world.app)
})

test('digests in documents lead on', here, async () => {
  await tab.goto(`${server.url}#ref=example:latest&tab=manifest`)
  await tab.read()
  await tab.click('st-json .link', world.config)
  await tab.see('st-json .key', 'rootfs')
  await tab.golden('config', [(await tab.lines('st-documents', '.what')), await tab.run(() => find('st-json').shadowRoot.textContent.replace(/\s+/g, ' '))])
  await tab.click('[role=tab]', 'Manifest')
  await tab.click('button', 'The index')
  await tab.see('st-json .key', 'manifests')
  await tab.shot('index')
  await tab.click('[role=tab]', 'Manifest')
  await tab.click('st-json .link', world.layer)
  await tab.see('.one[aria-pressed=true]', 'netbase')
})

test('back and reload restore what was shown', here, async () => {
  await tab.goto(`${server.url}#ref=example:amd64`)
  await tab.read()
  await tab.click('st-files .row', 'etc')
  await tab.click('st-files .row', 'passwd')
  await tab.see('st-text .line', 'root')
  await tab.click('[role=tab]', 'Map')
  await tab.run(() => history.back())
  await tab.see('st-text .line', 'root')
  const url = await tab.url()
  await tab.goto('about:blank')
  await tab.goto(url)
  await tab.see('st-text .line', 'root')
  await tab.see('st-files .row[aria-selected=true]', 'passwd')
  await tab.drop('/fixtures/harbor.docker.tar', 'harbor.docker.tar')
  await tab.see('h1', 'harbor.docker.tar')
  await tab.read()
  await tab.click('st-files .row', 'etc')
  await tab.click('st-files .row', 'passwd')
  await tab.see('st-text .line', 'root')
  await tab.run(async () => { // it is kept a moment after it was read
    const kept = async () => (await (await (await navigator.storage.getDirectory()).getDirectoryHandle('stevedore-input')).getFileHandle('harbor.docker.tar')).getFile()
    for (let i = 0; i < 100 && !(await kept().catch(() => ({}))).size; i++) await new Promise(r => setTimeout(r, 50))
  })
  const dropped = await tab.url()
  await tab.goto('about:blank')
  await tab.goto(dropped)
  await tab.see('h1', 'harbor.docker.tar')
  await tab.see('st-text .line', 'root')
  tab.calm()
})

test('a registry that lets pages read it is read', here, async () => {
  await tab.goto(server.url)
  await tab.type('#ref', `${world.open}/harbor:latest`)
  await tab.click('button', 'Look inside')
  await tab.see('st-summary h1', `${world.open}/harbor:latest`)
  await tab.read()
  await tab.see('st-foot code', `stevedore layers --platform linux/amd64 ${world.open}/harbor:latest`)
  assert.equal(decodeURIComponent(await tab.url()), `${server.url}#ref=${world.open}/harbor:latest`)
})

test('layers that were read are kept, and fetched anew where they are damaged', here, async () => {
  const asked = async () => (await (await fetch(`http://${world.counted}/count`)).json()).blobs
  const visit = async () => {
    const before = await asked()
    await tab.goto('about:blank')
    await tab.goto(`${server.url}#ref=${world.counted}/harbor:amd64`)
    await tab.read()
    await tab.see('st-files .row', 'etc')
    return (await asked()) - before
  }
  await tab.goto(server.url)
  await tab.run(async () => { // other tests read the same, and their Workers may still be on their way out
    const root = await navigator.storage.getDirectory()
    for (const name of ['stevedore-blobs', 'stevedore-answers']) {
      for (let i = 0; i < 100; i++) {
        const err = await root.removeEntry(name, { recursive: true }).then(() => undefined, err => err)
        if (!err || err.name === 'NotFoundError') break
        await new Promise(r => setTimeout(r, 100))
      }
    }
  })
  const first = await visit()
  assert.ok(first > 4)
  assert.equal(await visit(), 0)
  const damaged = await tab.run(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('stevedore-blobs')
    let n = 0
    for await (const [name, handle] of folder.entries()) {
      const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer())
      bytes[bytes.length >> 1] ^= 1
      const out = await handle.createWritable()
      await out.write(bytes)
      await out.close()
      n += name.startsWith('sha256-')
    }
    return n
  })
  assert.ok(damaged > 4)
  assert.ok((await visit()) > 4)
})

test('of one that does not it is said which header is missing', here, async () => {
  await tab.goto(`${server.url}#ref=${world.closed}/harbor:latest`)
  await tab.see('st-problem .what', 'Access-Control-Allow-Origin')
  await tab.shot('cors')
})

test('one that is private asks for a login', here, async () => {
  await tab.goto(`${server.url}#ref=${world.secret}/harbor:amd64`)
  await tab.see('st-problem form')
  assert.deepEqual((await tab.lines('st-problem', '.what')), [`${world.secret}/harbor:amd64: asks for a credential`, `There is no credential for ${world.secret}: log in, or give one.`])
  await tab.shot('login')
  await tab.type('input[name=username]', 'user')
  await tab.type('input[name=password]', 'wrong')
  await tab.click('button', 'Log in')
  await tab.read('failed')
  await tab.type('input[name=username]', 'user')
  await tab.type('input[name=password]', 'open sesame')
  await tab.click('button', 'Log in')
  await tab.see('st-summary h1')
  await tab.read()
  assert.doesNotMatch(await tab.run(() => JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, document.cookie])), /sesame/)
})

test('the relay reads what lets no page read it', here, async () => {
  await tab.goto(world.web)
  await tab.type('#ref', `${world.closed}/harbor:amd64`)
  await tab.click('button', 'Look inside')
  await tab.see('st-summary h1')
  await tab.read()
  await tab.see('st-files .row', 'etc')
  assert.doesNotMatch(await tab.url(), /relay/)
  await tab.shot('relay')
})

test("another site's page embeds the element in one line", here, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'embed-'))
  await writeFile(join(folder, 'index.html'), `<!doctype html><title>A blog</title><style>* { color: red; font: 30px serif }</style><script type="module" src="${server.url}inspector.js"></script>
    <p>Our image:</p><stevedore-inspector src="docker://${world.open}/harbor:latest"></stevedore-inspector>`)
  const blog = await serve({ '/': folder })
  try {
    await tab.goto(blog.url)
    await tab.read()
    await tab.see('st-files .row', 'etc')
    assert.equal(await tab.url(), blog.url)
    assert.deepEqual(await tab.run(() => ['.words', 'st-files .row', 'st-foot code'].map(what => getComputedStyle(find(what))).filter(s => s.color === 'rgb(255, 0, 0)' || s.fontFamily === 'serif' || s.fontSize === '30px').length), 0, "the blog's style stays outside")
    await tab.shot('element')
  } finally {
    blog.close()
    await rm(folder, { recursive: true })
  }
})

test('what takes long is stopped', here, async () => {
  await tab.goto('about:blank')
  await tab.goto(server.url)
  await tab.driver.choose('#file', world.large)
  await tab.see('.busy', 'Reading layers')
  await tab.click('.busy button', 'Stop')
  await tab.see('st-problem h2', 'Stopped.')
  await tab.shot('stopped')
  await tab.click('.mark')
  await tab.click('#example')
  await tab.read()
})

test('without a network what is loaded goes on', here, async () => {
  await tab.goto('about:blank')
  await tab.goto(server.url)
  await tab.run(async url => { globalThis.kept = await (await fetch(url)).blob() }, '/fixtures/harbor.oci.tar')
  await tab.run(() => new Promise(r => setTimeout(r, 1500)))
  server.close()
  await tab.run(() => {
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([globalThis.kept], 'harbor.oci.tar'))
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
  })
  await tab.see('st-files .row', 'etc')
  await tab.read()
})
