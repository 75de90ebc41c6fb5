/** The part of dcmjs that we use: the data dictionary as plain rows, keyed by tag (`(0010,0010)`, `(6000-60FF,3000)`). */
declare module 'dcmjs/dictionary' {
  interface DictionaryRow {
    readonly tag: string
    readonly vr?: string
    readonly name?: string
    readonly vm?: string
    readonly version?: string
  }
  export const dictionary: Readonly<Record<string, DictionaryRow>>
}
