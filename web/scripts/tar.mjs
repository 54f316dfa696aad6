/** A ustar header (POSIX.1-2017, pax, "ustar Interchange Format") of an entry of time zero. */
function header({ name, content = '', type = '0', link = '' }) {
  const block = Buffer.alloc(512)
  const put = (at, text) => block.write(text, at, 'latin1')
  put(0, name)
  put(100, `0000${type === '5' ? '755' : '644'}\0` + '0000000\0' + '0000000\0' + content.length.toString(8).padStart(11, '0') + '\0' + '00000000000\0')
  put(148, ' '.repeat(8) + type + link)
  put(257, 'ustar\x0000')
  put(148, block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0') + '\0 ')
  return block
}

/**
 * A tar archive.
 * @param {{name: string, content?: Buffer, type?: string, link?: string}[]} entries in their order; a file where no type says otherwise
 */
export function tar(entries) {
  const parts = entries.flatMap(entry => [header(entry), entry.content ?? Buffer.alloc(0), Buffer.alloc(-(entry.content?.length ?? 0) & 511)])
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}
