import type { Problem } from "./problem.ts";

/** A problem whose place is still to be looked up. */
export type Finding = Omit<Problem, "line" | "column">;
