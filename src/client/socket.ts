// The little of a WebSocket that the client needs, so that the browser's, Bun's, Node's and that of `ws` all fit.

export interface SocketLike {
  readonly readyState: number
  send(text: string): void
  close(code?: number, reason?: string): void
  /** Ends at once, without the closing handshake; browsers have no such thing. */
  terminate?(): void
  addEventListener(type: "open" | "message" | "close" | "error", listener: (event: SocketEvent) => void): void
}

/** The fields of MessageEvent and CloseEvent. */
export interface SocketEvent {
  readonly type: string
  readonly data?: unknown
  readonly code?: number
  readonly reason?: string
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => SocketLike

export const OPEN = 1
