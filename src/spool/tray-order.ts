/** Files to be made, empty, and how they are opened. */
export interface TrayOrder {
  readonly paths: readonly string[]
  readonly flags: number
}

/** Their descriptors, open in the whole process, or what the system said; then none of them is left. */
export type TrayFilled = { readonly fds: readonly number[] } | { readonly errno: string }
