// Numbers, times and names as a person reads them.

const UNITS = ['kB', 'MB', 'GB', 'TB']

/** Bytes in powers of 1000, as registries and the command line show them. */
export function bytes(n: number): string {
  if (n < 1000) return `${n} B`
  let f = n
  for (const unit of UNITS) {
    f /= 1000
    if (f < 999.5 || unit === 'TB') return `${f < 9.95 ? f.toFixed(1) : f.toFixed(0)} ${unit}`
  }
  return ''
}

const grouped = new Intl.NumberFormat('en')

export const count = (n: number): string => grouped.format(n)

/** "1 file", "1,204 files". */
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`

/** A list in a sentence: "a, b and c". */
export function listed(items: string[]): string {
  if (items.length < 2) return items.join('')
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}

/** "12 March 2024"; what is no time stays as it is. */
export function day(stamp: string): string {
  const t = new Date(stamp)
  if (Number.isNaN(t.getTime())) return stamp
  return t.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' })
}

/** "2024-03-12 08:15:04", in UTC. */
export function moment(stamp: string): string {
  return stamp.replace('T', ' ').replace(/(\.\d+)?Z$/, '')
}

export function short(digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':')
  return hex ? `${algorithm}:${hex.slice(0, 12)}` : digest
}

/** The command of a history step without the wrapping that builders put around it. */
export function step(createdBy: string | undefined): string {
  if (!createdBy) return ''
  return createdBy
    .replace(/\s+/g, ' ')
    .replace(/^\/bin\/sh -c #\(nop\) +/, '')
    .replace(/^(RUN )?\/bin\/sh -c /, 'RUN ')
    .replace(/ # buildkit$/, '')
    .trim()
}

/** A word as a POSIX shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** Characters that are not printed, or that turn text around, are shown as escapes. */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** What the command line says in a line of its own, as a sentence; what begins with a command or a name stays as it is. */
export function sentence(words: string): string {
  const begun = /^(?!stevedore\b)[a-z]+[ ,]/.test(words) ? words[0]!.toUpperCase() + words.slice(1) : words
  return / [a-z]+$/.test(begun) ? `${begun}.` : begun
}

export const fraction = (part: number, whole: number): number => (whole > 0 ? Math.min(1, part / whole) : 0)

/** "12 %", and "< 1 %" for what is not nothing. */
export function percent(part: number, whole: number): string {
  const p = 100 * fraction(part, whole)
  if (p > 0 && p < 1) return '< 1 %'
  return `${Math.round(p)} %`
}
