// What can be sent: the protocol's `message` data, with what has a default left out.
import type { Said } from "../protocol/client-frame.ts"

type SaidFile = Extract<Said, { kind: "file" }>

export type Say = Exclude<Said, SaidFile> | (Omit<SaidFile, "text"> & Partial<Pick<SaidFile, "text">>)
