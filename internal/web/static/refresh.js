// Brings the page up to date in place. The page is whole without it.
"use strict";

(() => {
	const every = Number(document.currentScript.dataset.every); // milliseconds
	const content = document.getElementById("content");
	const clock = document.getElementById("refreshed");
	let paused = false;

	const button = document.createElement("button");
	button.type = "button";
	button.className = "pause";
	const label = () => { button.textContent = paused ? "Resume" : "Pause"; };
	button.title = "Pause or resume refreshing this page";
	button.addEventListener("click", () => { paused = !paused; label(); });
	label();
	clock.after(button);

	// What someone is about to use must not be replaced under their hands.
	const inUse = () => {
		const selection = document.getSelection();
		const active = document.activeElement;
		return selection && !selection.isCollapsed || active && active.closest("form");
	};

	// Finds the element again that had the focus before the content was replaced.
	const place = (element) => {
		if (!element || element === content || !content.contains(element)) return null;
		const href = element.getAttribute("href");
		const all = href ? [...content.querySelectorAll("a")].filter((a) => a.getAttribute("href") === href) : [];
		return { href, nth: all.indexOf(element) };
	};
	const restore = (was) => {
		if (!was || !was.href) return;
		const all = [...content.querySelectorAll("a")].filter((a) => a.getAttribute("href") === was.href);
		const link = all[was.nth] || all[0];
		if (link) link.focus({ preventScroll: true });
	};

	// Commands and configuration are there to be copied.
	const copies = () => {
		for (const text of content.querySelectorAll("pre.copy")) {
			const box = document.createElement("div");
			box.className = "copied";
			text.replaceWith(box);
			const copy = document.createElement("button");
			copy.type = "button";
			copy.textContent = "Copy";
			copy.addEventListener("click", async () => {
				try {
					await navigator.clipboard.writeText(text.textContent);
					copy.textContent = "Copied";
				} catch {
					getSelection().selectAllChildren(text); // without TLS there is no clipboard
				}
			});
			box.append(text, copy);
		}
	};
	copies();

	const refresh = async () => {
		if (paused || document.hidden || inUse()) return;
		try {
			const answer = await fetch(location.pathname + location.search, { cache: "no-store", headers: { Accept: "text/html" } });
			if (!answer.ok) throw new Error(String(answer.status));
			const next = new DOMParser().parseFromString(await answer.text(), "text/html");
			if (paused || inUse()) return;
			const was = place(document.activeElement);
			content.replaceChildren(...document.adoptNode(next.getElementById("content")).childNodes);
			clock.replaceChildren(...document.adoptNode(next.getElementById("refreshed")).childNodes);
			clock.classList.remove("stale");
			copies();
			restore(was);
		} catch {
			clock.classList.add("stale"); // the figures stay, and say so
		}
	};
	if (every) setInterval(refresh, every);
})();
