import { z } from 'zod'
import { callerSchema } from './caller.ts'
import { destinationSchema } from './destinations.ts'
import { keySchema } from './key-section.ts'
import { otherwiseSchema } from './otherwise.ts'
import { ruleSchema } from './rule.ts'
import { testSchema } from './rule-test.ts'
import { serviceSchema } from './service.ts'
import { sourceSchema } from './source.ts'
import { studySchema } from './study-options.ts'

const list = z.array(z.string()).min(1)
const mapping = z.record(z.string(), z.string())

/** A rule file as an editor sees it: the schemas the loader reads with, put together. */
export const ruleFileSchema = z.strictObject({
  version: z.literal('1').describe('Of the rules language: 1.'),
  lists: z.record(z.string(), list).optional().describe('Named lists of texts, for in_list; shared by all files.'),
  maps: z
    .record(z.string(), mapping)
    .optional()
    .describe('Named maps from text to text, for the verb map; shared by all files.'),
  callers: z
    .record(z.string(), callerSchema)
    .optional()
    .describe('Who may open an association to us. None declared: this machine only.'),
  destinations: z
    .record(z.string(), destinationSchema)
    .optional()
    .describe('Where instances may go; shared by all files.'),
  keys: z
    .record(z.string(), keySchema)
    .optional()
    .describe('The secrets of the verbs hash and uid, each in a file; shared by all files.'),
  study: studySchema.optional().describe('When a study’s moment comes. In one file only.'),
  sources: z
    .record(z.string(), sourceSchema)
    .optional()
    .describe('Archives that may be queried and fetched from; shared by all files.'),
  services: z.record(z.string(), serviceSchema).optional().describe('Whom we may ask and tell; shared by all files.'),
  rules: z.array(ruleSchema).optional().describe('What becomes of an instance. Every rule that matches applies.'),
  otherwise: otherwiseSchema
    .optional()
    .describe('What becomes of an instance that no rule wants; hold unless said. In one file only.'),
  tests: z
    .array(testSchema)
    .optional()
    .describe('What the rules of this file must do; a ruleset that fails one is not loaded.'),
})

/** The keys of a file; what stands under them is read piece by piece. */
export const fileShell = z.strictObject({
  version: z.literal('1'),
  lists: z.record(z.string(), z.unknown()).optional(),
  maps: z.record(z.string(), z.unknown()).optional(),
  callers: z.record(z.string(), z.unknown()).optional(),
  destinations: z.record(z.string(), z.unknown()).optional(),
  keys: z.record(z.string(), z.unknown()).optional(),
  study: z.unknown().optional(),
  sources: z.record(z.string(), z.unknown()).optional(),
  services: z.record(z.string(), z.unknown()).optional(),
  rules: z.unknown().optional(),
  otherwise: z.unknown().optional(),
  tests: z.unknown().optional(),
})

/** A file of the folder `cases/`: tests of the whole ruleset, and nothing else. */
export const casesShell = z.strictObject({ version: z.literal('1'), tests: z.unknown().optional() })
