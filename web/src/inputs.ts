// The file that was brought last is kept in the browser's own storage, so that a reload finds it again. It leaves the
// machine as little as before, and goes when something else is opened or the page is started over.

const FOLDER = 'stevedore-input'
const MOST = 2 ** 29

export async function keepInput(name: string, blob: Blob): Promise<void> {
  try {
    await forgetInput()
    const { quota = 0, usage = 0 } = await navigator.storage.estimate()
    if (blob.size > MOST || blob.size > (quota - usage) / 4) return
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true })
    const file = await folder.getFileHandle(encodeURIComponent(name).slice(-200), { create: true })
    const writable = await file.createWritable()
    await writable.write(blob) // as it is: the browser copies it, and no byte comes into the memory of the tab
    await writable.close()
  } catch {
    // This browser keeps no files: after a reload the page says which one it was.
  }
}

export async function keptInput(name: string): Promise<File | undefined> {
  try {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER)
    const file = await (await folder.getFileHandle(encodeURIComponent(name).slice(-200))).getFile()
    return file.size > 0 ? new File([file], name) : undefined
  } catch {
    return undefined
  }
}

export async function forgetInput(): Promise<void> {
  try {
    await (await navigator.storage.getDirectory()).removeEntry(FOLDER, { recursive: true })
  } catch {
    // There was none.
  }
}
