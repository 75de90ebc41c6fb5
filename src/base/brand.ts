declare const brand: unique symbol

/** A primitive whose meaning has been checked once, by the one parser that makes it. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
