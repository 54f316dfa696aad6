// What the headers of an ELF file say (System V ABI, "Object Files", https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html).

const MACHINES: Record<number, string> = {
  3: '32-bit x86', 8: 'MIPS', 20: 'PowerPC', 21: 'POWER', 22: 'IBM Z', 40: '32-bit ARM', 62: '64-bit x86', 183: '64-bit ARM', 243: 'RISC-V', 247: 'BPF', 258: 'LoongArch',
}
const TYPES: Record<number, string> = { 1: 'object file', 2: 'executable', 3: 'shared object', 4: 'core dump' }
const PT_DYNAMIC = 2
const PT_INTERP = 3
const PT_NOTE = 4
const PT_LOAD = 1
const SHT_SYMTAB = 2
const DT_NEEDED = 1
const DT_STRTAB = 5
const DT_SONAME = 14
const DT_RPATH = 15
const DT_RUNPATH = 29

/** What a file of bad intent may have read of it: entries of the dynamic section, names of a kind, notes, bytes of a name. */
const ENTRIES = 4096
const NAMES = 256
const NOTES = 64
const NAME = 4096

export const isElf = (b: Uint8Array): boolean => b[0] === 0x7f && b[1] === 0x45 && b[2] === 0x4c && b[3] === 0x46

interface Segment { type: number; offset: number; size: number; address: number }

/** Names and values of what is in the headers, as far as the bytes go. */
export function elfFacts(bytes: Uint8Array): [string, string][] {
  const elf = new Reader(bytes)
  const facts: [string, string][] = []
  const type = elf.half(16)
  const segments = elf.segments()
  const dynamic = segments.find(s => s.type === PT_DYNAMIC)
  const interpreter = segments.find(s => s.type === PT_INTERP)
  const executable = type === 3 && interpreter ? 'position-independent executable' : (TYPES[type] ?? `type ${type}`)
  const machine = MACHINES[elf.half(18)] ?? `machine ${elf.half(18)}`
  const width = `${elf.wide ? 64 : 32}-bit`
  facts.push(['Kind', executable], ['For', `${machine}${machine.startsWith(width) ? '' : `, ${width}`}, ${elf.little ? 'little' : 'big'}-endian`])
  facts.push(['Linked', dynamic ? 'dynamically' : 'statically'])
  if (interpreter) facts.push(['Interpreter', elf.text(interpreter.offset)])
  if (dynamic) facts.push(...elf.dynamic(dynamic, segments))
  const id = segments.filter(s => s.type === PT_NOTE).map(s => elf.buildId(s)).find(Boolean)
  if (id) facts.push(['Build ID', id])
  const stripped = elf.stripped()
  if (stripped !== undefined) facts.push(['Symbols', stripped ? 'stripped' : 'has a symbol table'])
  return facts
}

class Reader {
  readonly wide: boolean
  readonly little: boolean
  #view: DataView

  constructor(private bytes: Uint8Array) {
    this.wide = bytes[4] === 2
    this.little = bytes[5] !== 2
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Numbers beyond the end are 0: the file may be cut. */
  half(at: number): number { return at + 2 <= this.bytes.length ? this.#view.getUint16(at, this.little) : 0 }
  word(at: number): number { return at + 4 <= this.bytes.length ? this.#view.getUint32(at, this.little) : 0 }
  #long(at: number): number {
    if (!this.wide) return this.word(at)
    return at + 8 <= this.bytes.length ? Number(this.#view.getBigUint64(at, this.little)) : 0
  }

  text(at: number): string {
    const room = this.bytes.subarray(at, at + NAME)
    const end = room.indexOf(0)
    return new TextDecoder().decode(room.subarray(0, end < 0 ? 256 : end))
  }

  segments(): Segment[] {
    const at = this.#long(this.wide ? 32 : 28)
    const size = this.half(this.wide ? 54 : 42)
    const n = Math.min(this.half(this.wide ? 56 : 44), 256)
    return Array.from({ length: n }, (_, i) => {
      const p = at + i * size
      return this.wide
        ? { type: this.word(p), offset: this.#long(p + 8), address: this.#long(p + 16), size: this.#long(p + 32) }
        : { type: this.word(p), offset: this.word(p + 4), address: this.word(p + 8), size: this.word(p + 16) }
    })
  }

  dynamic(segment: Segment, segments: Segment[]): [string, string][] {
    const step = this.wide ? 16 : 8
    const entries: [number, number][] = []
    const end = Math.min(segment.offset + segment.size, segment.offset + ENTRIES * step, this.bytes.length)
    for (let at = segment.offset; at < end; at += step) {
      const tag = this.#long(at)
      if (tag === 0) break
      entries.push([tag, this.#long(at + step / 2)])
    }
    const address = entries.find(([tag]) => tag === DT_STRTAB)?.[1] ?? 0
    const load = segments.find(s => s.type === PT_LOAD && address >= s.address && address < s.address + s.size)
    if (!load) return []
    const names = address - load.address + load.offset
    const all = (wanted: number) => entries.filter(([tag]) => tag === wanted).slice(0, NAMES).map(([, at]) => this.text(names + at)).filter(Boolean)
    const facts: [string, string][] = []
    if (all(DT_NEEDED).length > 0) facts.push(['Needs', all(DT_NEEDED).join(', ')])
    if (all(DT_SONAME).length > 0) facts.push(['Is called', all(DT_SONAME).join(', ')])
    const path = [...all(DT_RUNPATH), ...all(DT_RPATH)]
    if (path.length > 0) facts.push(['Looks in', path.join(', ')])
    return facts
  }

  buildId({ offset, size }: Segment): string {
    for (let at = offset, n = 0; n < NOTES && at + 12 <= Math.min(offset + size, this.bytes.length); n++) {
      const [name, desc, type] = [this.word(at), this.word(at + 4), this.word(at + 8)]
      const body = at + 12 + Math.ceil(name / 4) * 4
      if (type === 3 && this.text(at + 12) === 'GNU') {
        return Array.from(this.bytes.subarray(body, body + Math.min(desc, 64)), b => b.toString(16).padStart(2, '0')).join('')
      }
      at = body + Math.ceil(desc / 4) * 4
    }
    return ''
  }

  /** Undefined where the section headers are not in the bytes. */
  stripped(): boolean | undefined {
    const at = this.#long(this.wide ? 40 : 32)
    const size = this.half(this.wide ? 58 : 46)
    const n = Math.min(this.half(this.wide ? 60 : 48), 4096)
    if (n === 0) return true
    if (at + n * size > this.bytes.length) return undefined
    for (let i = 0; i < n; i++) if (this.word(at + i * size + 4) === SHT_SYMTAB) return false
    return true
  }
}
