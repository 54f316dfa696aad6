import { StevedoreError } from '../../wasm/js/errors.js'

/** What went wrong, for the one place that shows it. */
export interface Problem {
  kind: string
  /** a sentence in words */
  title: string
  /** what exactly was said */
  message: string
  hint: string
  /** the registry that wants a login */
  registry?: string
}

const TITLES: Record<string, string> = {
  internal: 'Something went wrong inside the page.',
  input: 'This is not an image that can be read.',
  not_found: 'It is not there.',
  unauthorized: 'The registry wants to know who you are.',
  denied: 'The registry does not allow it.',
  verification: 'The content is not what it is said to be.',
  network: 'It could not be reached.',
  rate_limited: 'The registry asks to wait.',
  unsupported: 'That cannot be done here.',
  cancelled: 'Stopped.',
}

/** What to do where nobody who knows more has said it. */
const HINTS: Record<string, string> = {
  internal: 'Reload the page and try again.',
  input: 'Drop what docker save, podman save or skopeo copy … oci-archive: wrote, or type a name as docker pull takes it.',
  not_found: 'Look at the spelling of the name, the tag and the platform; of a file, at whether all of it is there.',
  denied: 'Log in as somebody who may.',
  verification: 'It was damaged on its way or where it is kept: copy or download it again.',
  network: 'Look at the spelling of the registry, and at whether this machine reaches it.',
  rate_limited: 'Try again later.',
}

export function problemOf(err: unknown): Problem {
  if (err instanceof StevedoreError) {
    if (byRelay(err.kind, err.message)) return { kind: err.kind, title: 'The server of this page does not ask that registry.', message: err.message, hint: err.hint }
    return { kind: err.kind, title: TITLES[err.kind] ?? TITLES.internal!, message: err.message, hint: err.hint || (HINTS[err.kind] ?? '') }
  }
  const message = err instanceof Error ? err.message : String(err)
  return { kind: 'internal', title: TITLES.internal!, message, hint: HINTS.internal! }
}

/** It was the relay of the page that refused, and not the registry: a login changes nothing. */
export const byRelay = (kind: string, message: string): boolean => kind === 'denied' && message.includes(': the relay: ')

export function fail(kind: string, message: string, hint = ''): never {
  throw new StevedoreError(kind, message, { hint })
}
