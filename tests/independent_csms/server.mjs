// A strict OCPP 1.6 back-end by other people's hand: every frame is held against its schema, both ways, by `ocpp-rpc`.
// What it hears goes to standard output, a JSON object a line; what it is to ask comes from standard input.
import { createInterface } from "node:readline";
import ocppRpc from "ocpp-rpc";

const { RPCServer, createRPCError } = ocppRpc;
const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const now = () => new Date().toISOString();
let transactions = 0;
let client = null;

const answers = {
  BootNotification: () => ({ status: "Accepted", interval: 300, currentTime: now() }),
  Heartbeat: () => ({ currentTime: now() }),
  Authorize: () => ({ idTagInfo: { status: "Accepted" } }),
  StartTransaction: () => ({ transactionId: ++transactions, idTagInfo: { status: "Accepted" } }),
  StopTransaction: () => ({ idTagInfo: { status: "Accepted" } }),
  StatusNotification: () => ({}),
  MeterValues: () => ({}),
  DataTransfer: () => ({ status: "Accepted" }),
  DiagnosticsStatusNotification: () => ({}),
  FirmwareStatusNotification: () => ({}),
  LogStatusNotification: () => ({}),
  SecurityEventNotification: () => ({}),
  SignCertificate: () => ({ status: "Accepted" }),
  SignedFirmwareStatusNotification: () => ({}),
};

const server = new RPCServer({ protocols: ["ocpp1.6"], strictMode: true });
server.auth((accept, _reject, handshake) => accept({ identity: handshake.identity }));
server.on("client", (connected) => {
  client = connected;
  say({ event: "connected", identity: connected.identity, protocol: connected.protocol });
  connected.on("strictValidationFailure", ({ method, isCall, outbound, error }) =>
    say({ event: "violation", method, isCall, outbound, error: String(error), details: error.details }),
  );
  connected.on("badMessage", ({ error }) => say({ event: "violation", method: "?", error: String(error) }));
  connected.handle(({ method, params }) => {
    if (!(method in answers)) throw createRPCError("NotImplemented");
    const answer = answers[method](params);
    say({ event: "request", action: method, payload: params, answer });
    return answer;
  });
});

createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, action, payload } = JSON.parse(line);
  try {
    say({ event: "answer", id, payload: await client.call(action, payload) });
  } catch (error) {
    say({ event: "answer", id, error: error.rpcErrorCode ?? String(error), description: String(error.message) });
  }
}).on("close", () => process.exit(0));

const http = await server.listen(0, "127.0.0.1");
say({ event: "ready", url: `ws://127.0.0.1:${http.address().port}` });
