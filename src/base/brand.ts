declare const brand: unique symbol

/**
 * A primitive whose meaning has been checked once, by the one parser that makes it. A brand may be narrowed by another:
 * every `SopClassUid` is a `Uid`.
 */
export type Brand<T, Name extends string> = T & { readonly [brand]: { readonly [Key in Name]: true } }
