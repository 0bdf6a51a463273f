/** A store that cannot be connected to for that long is not there. */
export const CONNECT_MS = 3_000;
/** A store silent for that long in the middle of a request is given up. */
export const IDLE_MS = 15_000;
/** By default. High, because a body being read holds its connection. */
export const MAX_CONNECTIONS = 256;
