// Inputs from the disk, for runtimes that have node:fs: Node, Deno and Bun. Nothing is read before a call asks for it.

import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * A file or directory of the disk as an input.
 * @param {string} path
 */
export async function input(path) {
  const about = await stat(path)
  return about.isDirectory() ? directory(path) : file(path, about.size)
}

function file(path, size) {
  const opened = async () => {
    const handle = await open(path)
    const read = async (offset, length) => {
      const bytes = new Uint8Array(length)
      const { bytesRead } = await handle.read(bytes, 0, length, offset)
      return bytes.subarray(0, bytesRead)
    }
    return { read, close: () => handle.close() }
  }
  return { size, open: opened }
}

function directory(path) {
  const list = async () => {
    const entries = []
    for (const name of await readdir(path)) {
      const about = await stat(join(path, name)).catch(() => undefined) // a link that leads nowhere
      if (about?.isDirectory()) entries.push({ name, dir: true })
      else if (about?.isFile()) entries.push({ name, size: about.size })
    }
    return entries
  }
  const inside = async name => {
    if (name === '..' || name.includes('/') || name.includes('\\')) return undefined
    return input(join(path, name)).catch(err => {
      if (err.code === 'ENOENT' || err.code === 'ENOTDIR') return undefined
      throw err
    })
  }
  return { list, open: inside }
}
