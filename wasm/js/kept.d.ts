/** Lets go of the blobs that are kept (ConnectOptions.keep), damaged ones among them. */
export function forget(): Promise<void>;
