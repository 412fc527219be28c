// Imported first, so that it acts before the other modules do: code that a start runs once is not worth compiling, which takes
// a second core where there is one, and the time of this one where there is none. main.ts ends it (Bun 1.4.5).
Bun.unsafe.setJITPolicy(20)
