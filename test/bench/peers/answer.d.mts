export function answerQuestions(
  ready: { url: string; token: string },
  acts: Record<string, (request: never) => unknown>,
): void
