/** One operator that looks at one value. */
export interface ValueTest {
  readonly test: (value: string) => boolean
  /** Of its pattern, for a character of the value; unsaid: it has none. */
  readonly steps?: number
  /** What is said of the name when it holds, and when it does not. */
  readonly yes: string
  readonly no: string
}
