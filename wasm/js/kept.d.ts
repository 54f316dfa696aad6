/** Lets go of what is kept: blobs (ConnectOptions.keep), damaged ones among them, and answers (BrowserOptions.keepAs). */
export function forget(): Promise<void>;

/** Bytes of what is kept. */
export function keptBytes(): Promise<number>;
