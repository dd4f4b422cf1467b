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
})();
