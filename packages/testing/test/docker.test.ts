import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { loadClientSettings, loadServerSettings, refuseUnbuilt } from "@smcp/config";
import { DockerfileParser } from "dockerfile-ast";
import { validate } from "dockerfile-utils";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (file: string): string => readFileSync(`${root}docker/${file}`, "utf8");

const text = read("Dockerfile");
const dockerfile = DockerfileParser.parse(text);
/** The instructions of one kind in the last stage, without their keyword. */
const final = (keyword: string): string[] => {
  const all = dockerfile.getInstructions();
  const start = all.findLastIndex((one) => one.getKeyword() === "FROM");
  return all
    .slice(start)
    .filter((one) => one.getKeyword() === keyword)
    .map((one) => one.getArgumentsContent() ?? "");
};

/** The flags of a line that starts a client. */
const flagsOf = (line: string): Record<string, string> => {
  const words = line.replace(/.* smcp client /, "").matchAll(/--([a-z-]+)(?:=(\S+))?/g);
  return Object.fromEntries([...words].map(([, name = "", value = "true"]) => [name, value]));
};

describe("the image", () => {
  it("has a Dockerfile without a complaint", () => {
    expect(validate(text).map(({ range, message }) => `${range.start.line + 1}: ${JSON.stringify(message)}`)).toEqual(
      [],
    );
  });

  it("runs smcp in /app, as nobody's root, behind a process 1 that reaps", () => {
    expect(final("ENTRYPOINT")).toEqual(['["/usr/bin/tini", "--", "smcp"]']);
    expect(final("WORKDIR")).toEqual(["/app"]);
    expect(final("USER")).toEqual(["1000:1000"]);
    expect(final("RUN")[0]).toContain("tini");
  });

  it("is the server where nothing is said", () => {
    expect(final("CMD")).toEqual(['["server"]']);
  });

  it("brings no configuration that would hide /etc/smcp/smcp.yaml", () => {
    expect(final("COPY").filter((one) => / \/app|configs/.test(one))).toEqual([]);
  });

  it("has npx from its base and uvx", () => {
    const [base] = dockerfile.getFROMs().slice(-1);
    expect(base?.getImage()).toBe("node:${NODE}");
    const uv = dockerfile.getCOPYs().find((one) => one.getFlags().some((flag) => flag.getValue() === "uv"));
    expect(uv?.getArguments().map((one) => one.getValue())).toEqual(["/uv", "/uvx", "/usr/local/bin/"]);
  });

  it("copies only what is there, and what the ignore file lets through", () => {
    const sources = dockerfile
      .getCOPYs()
      .filter((one) => !one.getFlags().some((flag) => flag.getName() === "from"))
      .flatMap((one) => one.getArguments().slice(0, -1))
      .map((one) => one.getValue());
    expect(sources).toContain("packages");
    expect(sources.filter((one) => !existsSync(root + one))).toEqual([]);
    const ignored = read("Dockerfile.dockerignore").split("\n");
    expect(ignored.find((one) => !one.startsWith("#"))).toBe("*");
    expect(sources.filter((one) => !ignored.includes(`!${one}`))).toEqual([]);
  });

  it("names the versions of what it is built on", () => {
    const versions = dockerfile.getARGs().map((one) => one.getArgumentsContent());
    expect(versions).toEqual([
      expect.stringMatching(/^NODE=26-\w+-slim$/),
      expect.stringMatching(/^UV=\d+\.\d+\.\d+$/),
    ]);
  });

  describe("as a client", () => {
    const [env] = dockerfile.getENVs().slice(-1);
    const variables = Object.fromEntries(
      env?.getProperties().map((one) => [one.getName(), one.getValue() ?? ""]) ?? [],
    );
    const start = (flags: Readonly<Record<string, string>>) =>
      loadClientSettings({ flags, env: { ...variables, HOME: "/none" }, cwd: "/" });

    const SAFE_LINE =
      'docker run -p 127.0.0.1:8081:8081 -v "$PWD/local-secret:/run/secrets/local:ro" smcp client --allow-remote-bind ' +
      "--local-secret-file=/run/secrets/local --server-url=URL";
    /** The README's lines that start a client. */
    const lines = read("README.md").match(/^docker run .* smcp client .*$/gm) ?? [];

    it("refuses to be opened to the network, with the image's own variables, and tells the line that is safe", () => {
      expect(() => start({ "server-url": "https://h" })).toThrow(
        expect.objectContaining({
          message: '"--host 0.0.0.0" would let other machines use this endpoint, which asks nobody who they are',
          hint: `leave it at 127.0.0.1; another address needs --allow-remote-bind and --local-secret-file; in a container: ${SAFE_LINE}`,
          exitCode: 2,
        }),
      );
    });

    it("starts with the safe line, which the README has too", () => {
      expect(lines.filter((one) => / -p /.test(one))).toEqual([SAFE_LINE]);
      const folder = mkdtempSync(join(tmpdir(), "smcp-docker-"));
      try {
        const file = join(folder, "local-secret");
        writeFileSync(file, `${"0123456789abcdef".repeat(4)}\n`, { mode: 0o600 });
        const flags = { ...flagsOf(SAFE_LINE), "local-secret-file": file, "server-url": "https://h" };
        const { settings } = start(flags);
        expect({ host: settings.host, port: settings.port }).toEqual({ host: "0.0.0.0", port: 8081 });
        expect(settings.localSecret?.reveal()).toBe("0123456789abcdef".repeat(4));
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it("starts with the other lines of the README, on loopback or nowhere", () => {
      const others = lines.filter((one) => !/ -p /.test(one));
      expect(others).toHaveLength(2);
      for (const line of others) {
        const { settings } = start(flagsOf(line));
        expect(settings.host === "127.0.0.1" || settings.stdioPath !== undefined).toBe(true);
      }
    });
  });
});

interface Service {
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly command?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly healthcheck?: unknown;
  readonly network_mode?: string;
  readonly ports?: unknown;
  readonly read_only?: boolean;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { file: string }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

describe("the compose file", () => {
  const compose = parse(read("compose.yaml"), { merge: true }) as Compose;
  const services = Object.entries(compose.services);

  it("watches over each service, and starts none before what it needs is well", () => {
    expect(services.map(([name]) => name)).toEqual(["keycloak", "server", "client"]);
    for (const [, { healthcheck, depends_on: needs = {} }] of services) {
      expect(healthcheck).toBeDefined();
      for (const [name, { condition }] of Object.entries(needs)) {
        expect(compose.services).toHaveProperty(name);
        expect(condition).toBe("service_healthy");
      }
    }
  });

  it("mounts only files and volumes that there are", () => {
    const mounts = services.flatMap(([, { volumes = [] }]) => volumes).map((one) => one.split(":")[0] ?? "");
    const files = mounts.filter((one) => one.startsWith("."));
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((one) => !existsSync(join(root, "docker", one)))).toEqual([]);
    expect(mounts.filter((one) => !one.startsWith(".") && !(one in compose.volumes))).toEqual([]);
  });

  it("takes secrets from files that git does not see", () => {
    const used = services.flatMap(([, { secrets = [] }]) => secrets);
    expect(new Set(used)).toEqual(new Set(Object.keys(compose.secrets)));
    for (const { file } of Object.values(compose.secrets)) expect(file).toMatch(/^\.\/secrets\//);
    expect(read(".gitignore")).toMatch(/^secrets\/$/m);
    expect(read("compose/realm.json")).toContain('"secret": "${SMCP_LAPTOP_SECRET}"');
  });

  it("publishes no port: everything listens on the loopback of the host", () => {
    for (const [, { network_mode: network, ports }] of services) {
      expect({ network, ports }).toEqual({ network: "host", ports: undefined });
    }
    const { settings } = loadServerSettings({ path: `${root}docker/compose/smcp.yaml`, env: {}, cwd: "/" });
    expect(settings.server.host).toBe("127.0.0.1");
    expect(read("compose.yaml")).toContain("--http-host=127.0.0.1");
  });

  it("has a client and a server that agree on the issuer and the audience", () => {
    const loaded = loadServerSettings({ path: `${root}docker/compose/smcp.yaml`, env: {}, cwd: "/" });
    expect(() => refuseUnbuilt(loaded.unbuilt, loaded.file)).not.toThrow();
    const [program, ...words] = compose.services["client"]?.command ?? [];
    expect(program).toBe("client");
    const flags = new Map(words.map((one) => /^--([^=]+)=(.*)$/.exec(one)?.slice(1) as [string, string]));
    expect(flags.get("host")).toBe("127.0.0.1");
    expect(flags.get("server-url")).toBe(`http://127.0.0.1:${loaded.settings.server.port}`);
    expect(loaded.settings.issuers.map((one) => one.issuer)).toEqual([flags.get("oidc-issuer")]);
    expect(loaded.settings.issuers[0]?.audiences).toEqual([flags.get("oidc-audience")]);
    const realm = JSON.parse(read("compose/realm.json")) as { realm: string; clients: { clientId: string }[] };
    expect(flags.get("oidc-issuer")).toMatch(new RegExp(`/realms/${realm.realm}$`));
    expect(realm.clients.map((one) => one.clientId)).toEqual([flags.get("oidc-client-id")]);
  });
});

interface Manifest {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
}

const manifest = (name: string): unknown => parse(read(`kubernetes/${name}`));

describe("the Kubernetes manifests", () => {
  it("are all listed for kubectl apply -k", () => {
    const { resources } = manifest("kustomization.yaml") as { resources: string[] };
    const files = readdirSync(`${root}docker/kubernetes`).filter((one) => one !== "kustomization.yaml");
    expect(resources.toSorted()).toEqual(files.toSorted());
  });

  it.each(["configmap", "deployment", "service", "poddisruptionbudget", "networkpolicy"])(
    "of the %s fit Kubernetes' own schema",
    async (name) => {
      const value = manifest(`${name}.yaml`) as Manifest;
      const models: Record<string, () => Promise<Record<string, unknown>>> = {
        ConfigMap: () => import("kubernetes-models/v1/ConfigMap"),
        Deployment: () => import("kubernetes-models/apps/v1/Deployment"),
        Service: () => import("kubernetes-models/v1/Service"),
        PodDisruptionBudget: () => import("kubernetes-models/policy/v1/PodDisruptionBudget"),
        NetworkPolicy: () => import("kubernetes-models/networking.k8s.io/v1/NetworkPolicy"),
      };
      const module = await models[value.kind]?.();
      const Model = module?.[value.kind] as new (data: unknown) => { validate(): void };
      expect(() => new Model(value).validate()).not.toThrow();
    },
  );

  it("select the pods that the deployment makes", () => {
    const labels = { "app.kubernetes.io/name": "smcp" };
    expect(manifest("deployment.yaml")).toMatchObject({
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels } } },
    });
    expect(manifest("service.yaml")).toMatchObject({ spec: { selector: labels } });
    expect(manifest("poddisruptionbudget.yaml")).toMatchObject({ spec: { selector: { matchLabels: labels } } });
    expect(manifest("networkpolicy.yaml")).toMatchObject({ spec: { podSelector: { matchLabels: labels } } });
  });

  it("give the container no right that it does not need", () => {
    expect(manifest("deployment.yaml")).toMatchObject({
      spec: {
        template: {
          spec: {
            automountServiceAccountToken: false,
            securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
            containers: [
              {
                securityContext: {
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  capabilities: { drop: ["ALL"] },
                },
                livenessProbe: { httpGet: { path: "/livez", port: "http" } },
                readinessProbe: { httpGet: { path: "/readyz", port: "http" } },
              },
            ],
          },
        },
      },
    });
  });

  it("hold a configuration that the server takes, and that ends within the pod's time", () => {
    const { data } = manifest("configmap.yaml") as Manifest;
    const folder = mkdtempSync(join(tmpdir(), "smcp-kubernetes-"));
    try {
      // The paths inside of the pod, moved into a folder of the test.
      writeFileSync(join(folder, "session-key"), "0123456789abcdef".repeat(4));
      const file = join(folder, "smcp.yaml");
      writeFileSync(file, (data?.["smcp.yaml"] ?? "").replace("/etc/smcp/secrets", folder));
      const { settings, unbuilt } = loadServerSettings({ path: file, env: {}, cwd: folder });
      expect(() => refuseUnbuilt(unbuilt, file)).not.toThrow();
      expect(settings.server).toMatchObject({ host: "0.0.0.0", port: 8080 });
      expect(settings.auth.mode).toBe("oidc");
      const { spec } = manifest("deployment.yaml") as {
        spec: { template: { spec: { terminationGracePeriodSeconds: number } } };
      };
      expect(spec.template.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(settings.server.shutdownTimeout);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
