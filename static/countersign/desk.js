/* What stays as a person left it while a page updates itself, the keys of the review page, and the YAML editor's lines. */
(() => {
  "use strict";

  // --- Pages that update themselves ------------------------------------------------------------------------

  const folded = new Map(); // id of a <details> that the person opened or closed → is it open?

  document.addEventListener("click", (event) => {
    const summary = event.target.closest("summary");
    if (summary?.parentElement.id) folded.set(summary.parentElement.id, !summary.parentElement.open);
  });

  const selectsIn = (element) => {
    const selection = window.getSelection();
    return selection && !selection.isCollapsed && element.contains(selection.anchorNode);
  };

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden) event.preventDefault();
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target } = event.detail;
    if (!xhr.getResponseHeader("X-Countersign-Fragment")) {
      // Not what was asked for: the session is over, and this is the sign-in page.
      event.detail.shouldSwap = false;
      if (xhr.status === 200) window.location.reload();
    } else if (selectsIn(target)) {
      event.detail.shouldSwap = false; // somebody is copying text; the next turn brings the news
    }
  });

  document.addEventListener("htmx:afterSwap", () => {
    for (const [id, open] of folded) {
      const details = document.getElementById(id);
      if (details) details.open = open;
    }
  });

  // --- The review page: a key goes to an answer, and never sends one -----------------------------------------

  const KEYS = { a: "approve", e: "edit", r: "reject" };
  const TYPING = "input, textarea, select, [contenteditable]";

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPING)) return;
    const answer = document.getElementById("review") && document.getElementById(`answer-${KEYS[event.key]}`);
    if (!answer) return;
    event.preventDefault();
    answer.open = true;
    const first = event.key === "a" ? "button[type=submit]" : "textarea, input:not([type=hidden]), select";
    answer.querySelector(first)?.focus();
  });

  // --- A form is sent once, however often its button is pressed ----------------------------------------------

  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });

  // Back from the next page, a form may be sent anew.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // --- The YAML editor: numbers beside the lines, and a way to the wrong ones --------------------------------

  document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector(".cs-editor__box");
    if (!box) return;
    const text = box.querySelector("textarea");
    const lines = box.querySelector(".cs-editor__lines");
    const wrong = new Set(box.dataset.wrongLines.split(" ").filter(Boolean).map(Number));

    const number = () => {
      const count = text.value.split("\n").length;
      if (lines.childElementCount === count) return;
      lines.replaceChildren(
        ...Array.from({ length: count }, (_, index) => {
          const line = document.createElement("div");
          const mark = document.createElement("span");
          mark.textContent = index + 1;
          if (wrong.has(index + 1)) mark.className = "cs-wrong-line";
          line.append(mark);
          return line;
        }),
      );
    };
    const follow = () => { lines.scrollTop = text.scrollTop; };
    lines.style.height = `${text.offsetHeight}px`;
    new ResizeObserver(() => { lines.style.height = `${text.offsetHeight}px`; follow(); }).observe(text);
    text.addEventListener("input", number);
    text.addEventListener("scroll", follow);
    number();

    document.addEventListener("click", (event) => {
      const line = Number(event.target.closest("[data-line]")?.dataset.line);
      if (!line) return;
      const before = text.value.split("\n").slice(0, line - 1).join("\n");
      const start = before ? before.length + 1 : 0;
      const end = text.value.indexOf("\n", start);
      text.focus();
      text.setSelectionRange(start, end < 0 ? text.value.length : end);
      text.scrollTop = Math.max(0, (line - 4) * (text.scrollHeight / lines.childElementCount));
    });
  });
})();
