/** What is wrong with an archive, before the decoder adds which entry and where. */
export class MalformedTar extends Error {}
