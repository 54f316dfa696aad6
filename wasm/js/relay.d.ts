/** A relay: see docs/RELAY.md. */
export interface Relay {
  /** Absolute, with a slash at its end: https://relay.example/relay/ */
  base: string;
  /** What the relay wants to be shown. */
  token: string;
}

/** Without base, what CORS keeps from the page stays closed. */
export interface RelayOptions extends Partial<Relay> {
  /** Sends the requests, in place of the global fetch. */
  fetch?: (url: string, init?: RequestInit) => Promise<Response>;
}

/**
 * A fetch for a page that reads registries: directly where a registry lets pages read it (CORS), and else through a relay,
 * which is found out once for each origin. Without a relay it rejects with an error that says which header is missing.
 * An error has the member kind: network, timeout, refused or unsupported.
 */
export function relayFetch(options?: RelayOptions): (url: string, init?: RequestInit) => Promise<Response>;

/**
 * Takes the relay out of the page's address, where `stevedore web` puts it, and keeps it for as long as the tab lives.
 * Undefined where the page was opened without one.
 */
export function claimRelay(page?: Pick<typeof globalThis, 'location' | 'history' | 'sessionStorage'>): Relay | undefined;
