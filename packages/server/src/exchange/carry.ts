/** Carries one request through the journey to its backend, and sees to it that it ends exactly once. */
import { type Passage, type Refusal } from "@smcp/core";
import type { Ending, ReplyHead } from "@smcp/edge";

import type { Arrival, Bound, Called, GatewayBack, Introduced, Known, Routed } from "./facts.ts";
import type { Journey } from "./pipeline.ts";

/** Everything that may be known of a request when it ends, however early that was. */
export interface Settled {
  readonly facts: Arrival & Partial<Routed & Known & Called>;
  readonly ending: Ending;
  readonly refusal: Refusal | undefined;
  /** Where it was refused, if it was: a stage, or the upstream. */
  readonly at: string;
}

type Complete = Arrival & Routed & Known & Called & Bound & Introduced;

/** Runs the journey; `record` is told once, when the journey and the answer are both over. */
export function carry(journey: Journey, arrival: Arrival, record: (settled: Settled) => void): void | Promise<void> {
  const { reply } = arrival;
  const backs: GatewayBack[] = [];
  let refusal: Refusal | undefined;
  let at: string | undefined;
  // A caller may leave while a stage still waits: what that stage takes is released all the same.
  let isOver = false;
  const over = (): void => {
    if (isOver) return;
    isOver = true;
    reply.onClosed((ending) => {
      for (const back of backs) back.settle?.(ending);
      record({ facts: arrival, ending, refusal: refusal ?? reply.refusal, at: at ?? "upstream" });
    });
  };
  const finish = (passage: Passage<Complete, ReplyHead, Ending>): void => {
    if ("refusal" in passage) ({ refusal, at } = passage);
    over();
    if ("refusal" in passage) refuseTo(arrival, passage.refusal);
    else if (!reply.isClosed) {
      reply.onHead((head) => {
        for (const back of backs) back.head?.(head);
      });
      send(passage.passed);
    }
  };
  const bug = (error: unknown): never => {
    over();
    throw error;
  };
  try {
    const passage = journey.run(arrival, backs);
    return passage instanceof Promise ? passage.then(finish, bug) : finish(passage);
  } catch (error) {
    return bug(error);
  }
}

function send(complete: Complete): void {
  const { admitted, added, below, body, endpoint, era, message, principal, reply, route, sessionId } = complete;
  const { method, target, headers } = admitted;
  const { query } = target;
  const caller = principal.key;
  route.upstream.send({ method, below, query, headers, added, body, message, era, sessionId, caller, endpoint }, reply);
}

function refuseTo(arrival: Arrival & Partial<Called>, refusal: Refusal): void {
  arrival.reply.refuse(refusal, refusal.id ?? arrival.message?.id);
}
