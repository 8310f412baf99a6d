/** Where a session is kept between runs and shared between processes: the port of the token stores. */
import type { Session } from "../tokens/session.ts";

/** How sessions are kept: `auto` is a file, sealed by the keyring's key where there is a keyring. */
export type TokenStoreKind = "auto" | "keyring" | "file" | "memory";

/**
 * The one session of a profile. Nothing here throws for what a disk or a keyring does: what cannot be kept on disk is kept
 * in memory, and told once.
 */
export interface SessionStore {
  /** The session, `undefined` where there is none or it cannot be used (then the log says why, once). Takes no lock. */
  read(): Promise<Session | undefined>;
  /** True where something is stored, even if it cannot be used: only its absence means that somebody signed out. */
  exists(): Promise<boolean>;
  /** Replaces the session as a whole; on disk when this ends, unless {@link isLasting} turned false. */
  write(session: Session): Promise<void>;
  /** Ends with true when nothing of the session is left. */
  remove(): Promise<boolean>;
  /**
   * Runs `work` while no other process of this profile does; a call inside `work` runs at once. The wait is bounded: a lock
   * is taken from the dead, and after its lease from anybody.
   */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** False where what is written is forgotten at the end of this process. */
  readonly isLasting: boolean;
}
