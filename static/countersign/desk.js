/* What stays as a person left it while a page updates itself, the keys of the review pages, and the YAML editor's lines. */
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

  // --- Keys: one goes to an answer, and never sends it ------------------------------------------------------

  const TYPING = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
  const rows = () => [...document.querySelectorAll("#result_list .field-what a, #together input[name=row]")];

  const goTo = (element) => {
    if (element.matches("a")) return element.click();
    if (!element.matches("details")) return element.focus();
    element.open = true;
    const field = element.dataset.key === "a" ? "" : "textarea, input:not([type=hidden]), select, ";
    const wanted = element.querySelector("input[type=password]") ?? element.querySelector(`${field}button[type=submit]`);
    wanted?.focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target.closest(TYPING)) return event.target.blur();
    if (event.target.closest(TYPING) || document.querySelector("dialog[open]")) return;
    const found = rows();
    if (event.key === "?") {
      document.getElementById("keys")?.showModal();
    } else if ((event.key === "j" || event.key === "k") && found.length) {
      const here = found.indexOf(document.activeElement);
      found[Math.min(Math.max(here + (event.key === "j" ? 1 : -1), 0), found.length - 1)].focus();
    } else {
      const element = /^[a-z]$/.test(event.key) && document.querySelector(`[data-key="${event.key}"]`);
      if (!element) return;
      goTo(element);
    }
    event.preventDefault();
  });

  // --- Many at once: all ticks, and how many there are -------------------------------------------------------

  const count = () => {
    const ticks = [...document.querySelectorAll("#together input[name=row]")];
    const told = document.getElementById("ticked");
    if (told) told.textContent = `those that are ticked (${ticks.filter((tick) => tick.checked).length})`;
  };

  document.addEventListener("change", (event) => {
    if (event.target.id === "tick-all") {
      for (const tick of document.querySelectorAll("#together input[name=row]")) tick.checked = event.target.checked;
    }
    if (event.target.closest("#together")) count();
  });
  document.addEventListener("DOMContentLoaded", count);

  // --- A form is sent once, however often its button is pressed ----------------------------------------------

  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
  });

  // Back from the next page, a form may be sent anew.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const button of document.querySelectorAll("button[aria-busy]")) button.removeAttribute("aria-busy");
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
