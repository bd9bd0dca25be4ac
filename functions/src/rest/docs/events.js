// Shows the AsyncAPI document: what clients send, what the server sends, and the types of both.

const contract = await (await fetch("../asyncapi.json")).json();
const { info, servers, operations, components: { messages, schemas } } = contract;
const main = document.querySelector("#main");
const index = document.querySelector("#index");
const filter = document.querySelector("#filter");

function el(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.flat(Infinity));
  return node;
}

/** Text with `code` in it. */
const prose = (text = "") => text.split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));
const last = (reference) => reference.split("/").at(-1);
const link = (name) => el("a", { href: `#type.${name}` }, name);
const joined = (parts, by) => parts.flatMap((part, i) => (i ? [by, part] : [part])).flat();

/** The schema itself, where it only names another. */
const resolved = (schema) => (schema.$ref ? resolved(schemas[last(schema.$ref)]) : schema.allOf?.length === 1 ? resolved(schema.allOf[0]) : schema);

/** What a value is, in a few words. */
function typeOf(schema) {
  if (schema.$ref) return [link(last(schema.$ref))];
  const several = schema.allOf ?? schema.anyOf ?? schema.oneOf;
  if (several) return joined(several.map(typeOf), " | ");
  if ("const" in schema) return [JSON.stringify(schema.const)];
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" | ")];
  if (schema.items) return [...typeOf(schema.items), "[]", Array.isArray(schema.type) ? " | null" : ""];
  if (schema.type === "object" && schema.properties) {
    return ["{ ", ...joined(Object.entries(schema.properties).map(([name, value]) => [`${name}: `, ...typeOf(value)]), ", "), " }"];
  }
  return [[schema.type ?? "any"].flat().join(" | ")];
}

const LIMITS = {
  minLength: (n) => `at least ${n} character${n === 1 ? "" : "s"}`,
  maxLength: (n) => `at most ${n} characters`,
  maxItems: (n) => `at most ${n}`,
  minimum: (n) => `from ${n}`,
  maximum: (n) => `to ${n}`,
};

function limits(schema) {
  const own = Object.entries(LIMITS).filter(([key]) => key in schema).map(([key, tell]) => tell(schema[key]));
  if (schema.items?.maxLength) own.push(`each ${LIMITS.maxLength(schema.items.maxLength)}`);
  return own.length ? ` ${own[0][0].toUpperCase()}${own.join(", ").slice(1)}.` : "";
}

/** A schema's fields, or what else it is. */
function fields(schema) {
  const whole = resolved(schema);
  const forms = whole.oneOf ?? whole.anyOf;
  if (forms?.some((form) => resolved(form).properties)) {
    return forms.flatMap((form, i) => [i ? el("p", { className: "or" }, "or") : [], form.$ref ? el("p", {}, link(last(form.$ref))) : [], fields(form)].flat());
  }
  if (!whole.properties) return [el("p", {}, el("code", {}, ...typeOf(whole)), limits(whole))];
  const rows = Object.entries(whole.properties).map(([name, value]) => el("tr", {},
    el("td", { className: whole.required?.includes(name) ? "needed" : "" }, name),
    el("td", {}, ...typeOf(value)),
    el("td", {}, ...prose(value.description), limits(value))));
  const open = whole.additionalProperties ? [el("p", { className: "or" }, "and any other field")] : [];
  return [rows.length ? el("table", {}, el("tbody", {}, rows)) : [], open].flat();
}

function examples(title, names) {
  const shown = names.flatMap((name) => messages[name].examples.map(({ payload }) => el("pre", {}, JSON.stringify(payload, null, 2))));
  return el("details", {}, el("summary", {}, title), shown);
}

function event(id, { title, summary, action, reply }) {
  const isIn = action === "receive";
  const names = (kind, message) => `${kind}.${message}`;
  const own = id.replace(/^socketio\./, "");
  const ack = reply && `ack.${title}`;
  return el("article", { id: own },
    el("h3", {}, title, el("span", { className: isIn ? "badge" : "badge out" }, isIn ? "client → server" : "server → client")),
    summary.split("\n\n").map((text) => el("p", {}, prose(text))),
    el("h4", {}, "Payload"), fields(messages[names("socketio", own)].payload),
    ack ? [el("h4", {}, "Ack"), fields(messages[names("socketio", ack)].payload), el("p", {}, "or ", link("Refusal"))] : [],
    examples("Examples: Socket.IO", [own, ack].filter(Boolean).map((message) => names("socketio", message))),
    examples("Examples: plain WebSocket", [own, ack].filter(Boolean).map((message) => names("websocket", message))));
}

function section(title, entries) {
  const heading = el("h2", {}, title);
  const links = entries.map(([name, article]) => el("a", { href: `#${article.id}` }, name));
  index.append(el("h2", {}, title), ...links);
  main.append(heading, ...entries.map(([, article]) => article));
  return () => {
    const shown = entries.map(([name, article], i) => (article.hidden = links[i].hidden = !name.toLowerCase().includes(filter.value.toLowerCase())));
    heading.hidden = !shown.includes(false);
  };
}

const address = ({ protocol, host, pathname }) => `${protocol === "socket.io" ? "Socket.IO" : protocol} ${host}${pathname}`;
const own = Object.entries(operations).filter(([id]) => id.startsWith("socketio."));
const of = (action) => own.filter(([, operation]) => operation.action === action).map(([id, operation]) => [operation.title, event(id, operation)]);
const type = ([name, schema]) => [name, el("article", { id: `type.${name}` }, el("h3", {}, name), el("p", {}, prose(schema.description)), fields(schema))];

main.replaceChildren(
  ...info.description.split("\n\n").map((text) => el("p", {}, prose(text))),
  el("table", {}, el("tbody", {}, Object.values(servers).map((server) => el("tr", {}, el("td", {}, address(server)), el("td", {}, prose(server.description)))))),
);
const refilter = [section("Clients send", of("receive")), section("The server sends", of("send")), section("Types", Object.entries(schemas).map(type))];
filter.addEventListener("input", () => refilter.forEach((apply) => apply()));
if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
