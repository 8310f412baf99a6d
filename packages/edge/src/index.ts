export { judgeBody, readBody } from "./body.ts";
export { Deadlines, type Deadline } from "./deadlines.ts";
export { openGate, type Admitted, type Gate, type GateRules } from "./gate.ts";
export { openListener, type Listener, type ListenerOptions } from "./listener.ts";
export { openPool } from "./pool.ts";
export { safeEnvironment } from "./process-environment.ts";
export { startChild, stopAll, type Child, type ChildOptions } from "./process.ts";
export { relay, type RelayFailure, type RelayPlan, type RelayRequest, type UpstreamHeaders } from "./relay.ts";
export { Reply, type Ending, type ReplyHead } from "./reply.ts";
