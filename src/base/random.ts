/** A number in [0, 1). The only source of chance beside ids, handed in where it is used so that tests can own it. */
export const random = (): number => Math.random()
