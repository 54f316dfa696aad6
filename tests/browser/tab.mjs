// A tab as a person uses it: what is seen, what is clicked, what is typed.

import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FIND, launch } from './drivers.mjs'

const PATIENCE = 10_000

export class Tab {
  problems = []

  static async open(browser) {
    const tab = new Tab()
    tab.driver = await launch[browser](tab.problems)
    return tab
  }

  /** Runs a function in the page; find(selector, text) looks through every shadow root. */
  run(fn, ...args) {
    return this.driver.run(`(async () => { ${FIND}; return await (${fn.toString()})(${args.map(a => JSON.stringify(a)).join(', ')}) })()`)
  }

  goto(url) {
    return this.driver.goto(url)
  }

  /** Waits until something is there. */
  async see(selector, text = '') {
    const seen = await this.run(async (selector, text, patience) => {
      for (const end = Date.now() + patience; Date.now() < end; await new Promise(r => setTimeout(r, 30))) {
        if (find(selector, text)) return true
      }
      return find('stevedore-inspector')?.shadowRoot.textContent.replace(/\s+/g, ' ').slice(0, 1500) ?? document.body.innerHTML
    }, selector, text, PATIENCE)
    assert.equal(seen, true, `${selector} with "${text}" is not there, but ${seen}`)
  }

  async gone(selector, text = '') {
    const gone = await this.run(async (selector, text, patience) => {
      for (const end = Date.now() + patience; Date.now() < end; await new Promise(r => setTimeout(r, 30))) if (!find(selector, text)) return true
    }, selector, text, PATIENCE)
    assert.ok(gone, `${selector} with "${text}" is still there`)
  }

  /** In a task of the page's own, as a person's click comes. */
  async click(selector, text = '') {
    await this.see(selector, text)
    await this.run(async (selector, text) => {
      const element = find(selector, text)
      await new Promise(resolve => setTimeout(resolve))
      element.click()
    }, selector, text)
  }

  async type(selector, value) {
    await this.see(selector)
    await this.run(async (selector, value) => {
      const input = find(selector)
      await new Promise(resolve => setTimeout(resolve))
      input.value = value
      input.dispatchEvent(new Event('input', { bubbles: true }))
    }, selector, value)
  }

  async select(selector, value) {
    await this.see(selector)
    await this.run((selector, value) => {
      const select = find(selector)
      select.value = value
      select.dispatchEvent(new Event('change', { bubbles: true }))
    }, selector, value)
  }

  /** Drops a file that the server has, as if it came from the disk. */
  async drop(url, name) {
    await this.run(async (url, name) => {
      const file = new File([await (await fetch(url)).blob()], name)
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(file)
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
    }, url, name)
  }

  /** Pastes a file that the server has, or a text. */
  async paste({ url = '', name = '', text = '' }) {
    await this.run(async (url, name, text) => {
      const clipboardData = new DataTransfer()
      if (url) clipboardData.items.add(new File([await (await fetch(url)).blob()], name))
      if (text) clipboardData.setData('text/plain', text)
      const event = new Event('paste', { bubbles: true, cancelable: true, composed: true })
      Object.defineProperty(event, 'clipboardData', { value: clipboardData })
      document.body.dispatchEvent(event)
    }, url, name, text)
  }

  /** Waits until the open image is read and checked, or has failed. */
  async read(phase = 'done', patience = 6 * PATIENCE) {
    const was = await this.run(async (phase, patience) => {
      const { session } = document.querySelector('stevedore-inspector')
      for (const end = Date.now() + patience; Date.now() < end; await new Promise(r => setTimeout(r, 30))) {
        if (session.phase === phase && !session.busy && session.earlier !== 'checking') return phase
      }
      return `${session.phase}: ${JSON.stringify(session.problem)}`
    }, phase, patience)
    assert.equal(was, phase)
    await this.run(() => new Promise(resolve => setTimeout(resolve, 350))) // what changes fast is drawn now and then
  }

  /** What a part shows, a line for each of its elements that match. */
  async lines(part, selector) {
    await this.see(part)
    return this.run((part, selector) => Array.from(find(part).shadowRoot.querySelectorAll(selector), e => e.innerText.replace(/\s+/g, ' ').trim()), part, selector)
  }

  url() {
    return this.run(() => location.href)
  }

  /** Compares with what was found right before; UPDATE_GOLDENS=1 says that what is found now is right. */
  async golden(name, lines) {
    const file = fileURLToPath(new URL(`goldens/${name}.txt`, import.meta.url))
    const text = `${lines.flat().join('\n')}\n`
    if (process.env.UPDATE_GOLDENS) {
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, text)
    }
    assert.equal(text, await readFile(file, 'utf8'), `goldens/${name}.txt`)
  }

  /** Keeps a picture for people to look at, where they asked for it. */
  async shot(name) {
    const { SHOTS } = process.env
    if (!SHOTS) return
    await mkdir(SHOTS, { recursive: true })
    await this.driver.screenshot(`${SHOTS}/${this.driver.name}-${name}.png`)
  }

  /** The page complained of nothing. */
  calm(except = /$^/) {
    assert.deepEqual(this.problems.filter(p => !except.test(p)), [])
  }

  close() {
    return this.driver.close()
  }
}
