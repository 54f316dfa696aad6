// Packs the bundled image, an OCI layout, into the archive that the page offers as its example: build/harbor.tar.

import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const source = new URL('../../testdata/harbor/', import.meta.url)
const target = new URL('../build/', import.meta.url)

/** A ustar header (POSIX.1-2017, pax, "ustar Interchange Format") of a file of time zero. */
function header(name, size) {
  const block = Buffer.alloc(512)
  const put = (at, text) => block.write(text, at, 'latin1')
  put(0, name)
  put(100, '0000644\0' + '0000000\0' + '0000000\0' + size.toString(8).padStart(11, '0') + '\0' + '00000000000\0')
  put(148, ' '.repeat(8) + '0')
  put(257, 'ustar\x0000')
  put(148, block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0') + '\0 ')
  return block
}

const files = (await readdir(source, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile())
const names = files.map(entry => `${entry.parentPath}/${entry.name}`.slice(fileURLToPath(source).length).replace(/^\//, '')).sort()
const parts = []
for (const name of names) {
  const content = await readFile(new URL(name, source))
  parts.push(header(name, content.length), content, Buffer.alloc(-content.length & 511))
}
await mkdir(target, { recursive: true })
await writeFile(new URL('harbor.tar', target), Buffer.concat([...parts, Buffer.alloc(1024)]))
