"use strict";

// The part of Mustache that the report's templates use, for the same templates as on the server: {{name}} and {{.}},
// escaped; {{#name}}, {{^name}} and {{/name}}; {{> partial}}. A name is looked for in the innermost context first. What is
// not there, null, false and an empty list are false; everything else is true, an empty string too.
const Mustache = (() => {
  const references = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\0": "\uFFFD" };

  // The one place where values are escaped.
  const escaped = (value) => String(value).replace(/[&<>"'\0]/g, (character) => references[character]);

  function parse(template) {
    const root = [];
    const open = [{ parts: root }];
    const tags = /\{\{([#^/>]?)\s*([^}]+?)\s*\}\}/g;
    let end = 0;
    for (let match = tags.exec(template); match; match = tags.exec(template)) {
      const [whole, kind, name] = match;
      const { parts } = open[open.length - 1];
      if (match.index > end) parts.push(template.slice(end, match.index));
      end = match.index + whole.length;
      if (kind === "/") {
        if (open.pop().name !== name) throw new Error(`a section of ${name} ends that is not open`);
      } else if (kind === "#" || kind === "^") {
        const section = { kind, name, parts: [] };
        parts.push(section);
        open.push(section);
      } else {
        parts.push({ kind: kind || "value", name });
      }
    }
    root.push(template.slice(end));
    return root;
  }

  function lookUp(name, stack) {
    if (name === ".") return stack[stack.length - 1];
    for (let place = stack.length - 1; place >= 0; place -= 1) {
      const context = stack[place];
      if (context !== null && typeof context === "object" && Object.hasOwn(context, name) && context[name] !== null) {
        return context[name];
      }
    }
    return undefined;
  }

  const isFalse = (value) =>
    value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0);

  function fill(parts, stack, partials) {
    let text = "";
    for (const part of parts) {
      if (typeof part === "string") {
        text += part;
      } else if (part.kind === ">") {
        text += fill(partials[part.name], stack, partials);
      } else {
        const value = lookUp(part.name, stack);
        if (part.kind === "value") {
          if (value !== undefined) text += escaped(value);
        } else if (part.kind === "^") {
          if (isFalse(value)) text += fill(part.parts, stack, partials);
        } else if (!isFalse(value)) {
          const values = Array.isArray(value) ? value : [value];
          for (const each of values) {
            text += fill(part.parts, value === true ? stack : [...stack, each], partials);
          }
        }
      }
    }
    return text;
  }

  // Templates by name, ready to be filled.
  return (templates) => {
    const parsed = {};
    for (const [name, template] of Object.entries(templates)) parsed[name] = parse(template);
    return (name, context) => fill(parsed[name], [context], parsed);
  };
})();
