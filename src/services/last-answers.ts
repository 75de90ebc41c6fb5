import type { LastAnswer } from './call.ts'

const KEPT = 20

/** The last answers of one service, newest first; the oldest make room. */
export class LastAnswers {
  #answers: readonly LastAnswer[] = []

  get newest(): readonly LastAnswer[] {
    return this.#answers
  }

  add(answer: LastAnswer): void {
    this.#answers = [answer, ...this.#answers.slice(0, KEPT - 1)]
  }
}
