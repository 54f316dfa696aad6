// What is attached to an image (signatures, SBOMs, attestations) is opened like an image: WORLD.attached has what oras attached,
// WORLD.built an index as BuildKit writes it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { server, tab, world } from './setting.mjs'

async function open(fragment) {
  await tab.goto('about:blank')
  await tab.goto(`${server.url}#${fragment}`)
  await tab.read()
}

/** What the download button gives. */
const saved = () => tab.run(async () => {
  const blob = await new Promise(resolve => {
    const make = URL.createObjectURL
    URL.createObjectURL = blob => {
      URL.createObjectURL = make
      resolve(blob)
      return 'data:,'
    }
    find('st-viewer button', 'Download').click()
  })
  return blob.text()
})

test('what was attached to an image of a registry is a link, and opens', async () => {
  await open(`ref=${world.attached}/harbor:amd64`)
  await tab.see('st-summary .attached', 'Attached to it: SBOM, Signature.')
  await tab.shot('attached')
  await tab.click('st-summary .attached .link', 'SBOM')
  await tab.see('st-summary .words', 'An artifact of type application/spdx+json with 2 blobs')
  await tab.read()
  assert.deepEqual((await tab.lines('st-files', '.row .clip')).filter(Boolean), ['sbom.spdx.json', 'notes.txt'])
  assert.deepEqual(await tab.run(() => [...find('.tabs').children].map(e => e.textContent)), ['Content', 'Manifest', 'Copy'])
  await tab.click('st-files .row', 'sbom.spdx.json')
  await tab.see('st-viewer .facts', 'application/spdx+json')
  await tab.see('st-json .string', 'SPDX-2.3')
  await tab.see('st-foot code', `stevedore blob get ${world.attached}/harbor@sha256:`)
  assert.equal(await saved(), world.sbom)
  await tab.shot('artifact')
  await tab.click('st-files .row', 'notes.txt')
  await tab.see('st-text .line', 'made for a test')
  tab.calm()
})

test('an artifact leads to what it is about, and has an address', async () => {
  const url = await tab.url()
  await tab.goto('about:blank')
  await tab.goto(url)
  await tab.read()
  await tab.see('st-text .line', 'made for a test')
  await tab.click('[role=tab]', 'Manifest')
  await tab.see('st-documents .what', 'the parts of the artifact')
  await tab.click('st-json .link', world.image)
  await tab.see('st-documents .what', 'Manifest')
  await tab.click('st-documents .link', 'Open it')
  await tab.see('st-summary .words', 'Linux on 64-bit x86')
  await tab.read()
  await tab.run(() => history.back())
  await tab.see('st-summary .words', 'An artifact')
  await tab.read()
  await tab.click('st-summary .words .link', world.image.slice(0, 19))
  await tab.see('st-summary .words', 'Linux on 64-bit x86')
  tab.calm()
})

test('an attestation of a build is opened from the summary, from the index, and in a dropped file', async () => {
  await open(`ref=${world.built}/app:built`)
  await tab.click('st-summary .attached .link', 'Attestation')
  await tab.see('st-summary .words', 'A build attestation with 1 statement')
  await tab.read()
  await tab.click('st-files .row', 'slsa.dev-provenance-v0.2.json')
  await tab.see('st-json .string', 'https://slsa.dev/provenance/v0.2')
  assert.equal(await saved(), world.statement)

  await open(`ref=${world.built}/app:built&tab=manifest&doc=index`)
  const links = await tab.lines('st-json', '.link')
  await tab.click('st-json .link', links.findLast(l => l.startsWith('sha256:') && l !== world.image))
  await tab.click('st-documents .link', 'Open it')
  await tab.see('st-summary .words', 'A build attestation')

  await tab.goto('about:blank')
  await tab.goto(server.url)
  await tab.drop('/fixtures/built.tar', 'built.tar')
  await tab.see('st-summary select')
  await tab.read()
  await tab.select('st-summary select', 'built')
  await tab.see('st-summary .attached')
  await tab.read()
  await tab.click('st-summary .attached .link', 'Attestation')
  await tab.see('st-summary .words', 'A build attestation')
  await tab.read()
  await tab.click('st-files .row', 'slsa.dev')
  await tab.see('st-json .string', 'https://slsa.dev/provenance/v0.2')
  const url = await tab.url()
  await tab.run(() => new Promise(r => setTimeout(r, 1500))) // the file is kept for a reload
  await tab.goto('about:blank')
  await tab.goto(url)
  await tab.see('st-summary .words', 'A build attestation')
  await tab.see('st-json .string', 'https://slsa.dev/provenance/v0.2')
  tab.calm()
})
