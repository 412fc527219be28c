// Starts the service. The only file that acts on being imported, besides commands/ and what runs in threads and processes of its own.
import { startFileThread } from "./store/file-worker.ts"

// Code that a start runs once is not worth compiling, which takes a second core where there is one, and the time of this one
// where there is none (Bun 1.4.5).
Bun.unsafe.setJITPolicy(20)
// It takes as long to be there as all the rest to be loaded, and goes beside that.
startFileThread()
void import("./commands/serve.ts").then(({ serve }) => serve(() => Bun.unsafe.setJITPolicy(1)))
