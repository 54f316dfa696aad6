// Packs the bundled image, an OCI layout, into the archive that the page offers as its example: build/harbor.tar.

import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { tar } from './tar.mjs'

const source = new URL('../../testdata/harbor/', import.meta.url)
const target = new URL('../build/', import.meta.url)

const files = (await readdir(source, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile())
const names = files.map(entry => `${entry.parentPath}/${entry.name}`.slice(fileURLToPath(source).length).replace(/^\//, '')).sort()
await mkdir(target, { recursive: true })
await writeFile(new URL('harbor.tar', target), tar(await Promise.all(names.map(async name => ({ name, content: await readFile(new URL(name, source)) })))))
