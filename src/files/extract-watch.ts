// Ends the process of extract-process.ts when it takes more memory than it may.
import { systemClock } from "../clock.ts"

const limit = Number(process.argv[2])
systemClock.every(50, () => {
  if (process.memoryUsage.rss() > limit) process.kill(process.pid, "SIGKILL")
})
