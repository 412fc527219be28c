// Where the content of files lies: the contract, kept by storage-disk.ts and storage-s3.ts. Names are our own ids alone.

/** Bytes `start` to `end`, both included. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface FileStorage {
  /** Keeps the content of a file of this machine under `id`, whole or not at all. */
  put(id: string, path: string): Promise<void>
  /** Streams the content, or a part of it. Throws ContentMissingError. */
  get(id: string, range?: ByteRange): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>
  /** Deleting what is not there is no fault. */
  delete(id: string): Promise<void>
}

/** There is a row for it, and no content. */
export class ContentMissingError extends Error {
  override readonly name = "ContentMissingError"
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code
}
