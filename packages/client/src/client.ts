/** A running client. */
export interface Client {
  /** Where apps reach it, `unix:` and a path for a socket; with `--stdio`, the address at the server that stdin and stdout speak to. */
  readonly url: string;
  /** Ends when the client has ended: by `close`, or with `--stdio` when its input ended. Never rejects. */
  readonly done: Promise<void>;
  /** Stops: what is under way may finish within the shutdown time-out. */
  close(): Promise<void>;
}
