// What can be sent: the protocol's `message` data, with what has a default left out.
import type { Said } from "../protocol/client-frame.ts"

type Loose<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> & Partial<Pick<T, K & keyof T>> : never
type SaidFile = Extract<Said, { kind: "file" }>

export type Say = Loose<Exclude<Said, SaidFile>, "policy"> | Loose<SaidFile, "policy" | "text">
