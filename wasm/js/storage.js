// The browser's own storage (the origin private file system, https://fs.spec.whatwg.org/#origin-private-file-system).

/** @param {string} name @returns {Promise<FileSystemDirectoryHandle>} a folder of it, made where it is missing */
export async function folderOf(name) {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true })
}

/**
 * Makes room in a folder, the oldest files first. Nothing gets room that would fill more than a quarter of what is left.
 * @param {FileSystemDirectoryHandle} folder @param {number} size bytes that are to come
 * @param {number} most bytes that the folder holds @param {(name: string) => boolean} [goes] files that go in any case
 * @returns {Promise<boolean>} whether there is room
 */
export async function room(folder, size, most, goes = () => false) {
  const { quota = 0, usage = 0 } = await navigator.storage.estimate()
  if (size > (quota - usage) / 4) return false
  const files = []
  for await (const handle of folder.values()) files.push(await handle.getFile())
  files.sort((a, b) => a.lastModified - b.lastModified)
  let total = files.reduce((sum, f) => sum + f.size, size)
  for (const file of files) {
    if (total <= most && !goes(file.name)) continue
    await folder.removeEntry(file.name)
    total -= file.size
  }
  return true
}
