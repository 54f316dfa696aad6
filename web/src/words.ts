import type { ImageInfo, InspectOut } from '../../wasm/js/verbs.js'
import { bytes, day, listed, plural, visible } from './format.js'

const ARCHITECTURES: Record<string, string> = {
  amd64: '64-bit x86', '386': '32-bit x86', arm64: '64-bit ARM', arm: '32-bit ARM', ppc64le: 'POWER', s390x: 'IBM Z', riscv64: 'RISC-V',
}

/** "Linux on 64-bit ARM (arm64/v8)". */
export function platformWords(platform: string | undefined): string {
  const [os = '', arch = '', ...rest] = (platform ?? '').split('/')
  const system = os === 'linux' ? 'Linux' : os === 'windows' ? 'Windows' : os
  const machine = ARCHITECTURES[arch]
  if (!arch) return system
  return machine ? `${system} on ${machine} (${[arch, ...rest].join('/')})` : `${system} on ${[arch, ...rest].join('/')}`
}

/** What an image is, in sentences. */
export function sentences(image: ImageInfo): string[] {
  const c = image.config
  const out: string[] = []
  const made = image.created && !image.created.startsWith('1970-01-01') ? `, made on ${day(image.created)}` : ''
  out.push(`${platformWords(image.platform) || 'An image'}: ${plural(image.layers.length, 'layer')}, ${bytes(image.totalSize)} stored${made}.`)
  const command = [...c.entrypoint, ...c.cmd].map(visible).join(' ')
  const user = c.user && c.user !== '0' && c.user !== 'root' ? ` as user ${visible(c.user)}` : ' as root'
  const where = c.workingDir && c.workingDir !== '/' ? ` in ${visible(c.workingDir)}` : ''
  out.push(command ? `It runs ${command}${user}${where}.` : 'It does not say what to run.')
  if (c.exposedPorts.length > 0) out.push(`It listens on ${listed(c.exposedPorts.map(visible))}.`)
  if (c.volumes.length > 0) out.push(`It keeps data in ${listed(c.volumes.map(visible))}.`)
  return out
}

/** What something that is no image is, in a sentence. */
export function kindWords(o: InspectOut): string {
  switch (o.kind) {
    case 'index': return `An index of ${plural(o.manifests?.length ?? 0, 'manifest')}. It has no image for this platform: choose another one.`
    case 'artifact': return `An artifact of type ${visible(o.artifactType ?? 'unknown')} with ${plural(o.blobs?.length ?? 0, 'blob')}; it has no file system.`
    case 'attestation': return `A build attestation with ${plural(o.blobs?.length ?? 0, 'statement')}; it has no file system.`
    default: return `A ${o.kind}.`
  }
}
