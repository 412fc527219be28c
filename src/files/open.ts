// Puts the parts of files together, as the configuration says.
import { join } from "node:path"
import type { Clock } from "../clock.ts"
import type { Files } from "../handlers/files.ts"
import type { Log } from "../log.ts"
import type { Config } from "../settings.ts"
import type { Database } from "../store/database.ts"
import { Extractor } from "./extract.ts"
import { filesFor } from "./for-handlers.ts"
import { HeldFiles } from "./held.ts"
import { FileKeeper } from "./keeper.ts"
import { Staging } from "./staging.ts"
import type { FileStorage } from "./storage.ts"
import { openDiskStorage } from "./storage-disk.ts"
import { openS3Storage } from "./storage-s3.ts"

export interface FilesOfService {
  readonly keeper: FileKeeper
  readonly held: HeldFiles
  /** What the bots of a user's chats may do. */
  filesFor(user_id: number): Files
  /** Ends the processes that read files. */
  close(): void
}

export function openFiles(
  { data_dir, files: config }: Pick<Config, "data_dir" | "files">,
  deps: { readonly db: Database; readonly clock: Clock; readonly log: Log },
): FilesOfService {
  const folder = join(data_dir, "files")
  const keeper = new FileKeeper({
    ...{ ...deps, config },
    storage: storageOf(config, folder),
    staging: new Staging(join(folder, "drafts"), config.max_bytes),
  })
  const extractor = new Extractor(config, deps.clock)
  return {
    keeper,
    held: new HeldFiles({ ...deps, keeper }),
    filesFor: (user_id) => filesFor({ keeper, extractor, config }, user_id),
    close: () => extractor.close(),
  }
}

function storageOf({ storage, s3 }: Config["files"], folder: string): FileStorage {
  return storage === "s3" && s3 ? openS3Storage(s3) : openDiskStorage(folder)
}
