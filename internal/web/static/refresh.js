// Brings the page up to date in place. The page is whole without it.
"use strict";

(() => {
	let every = Number(document.currentScript.dataset.every); // milliseconds
	let tag = ""; // the ETag of the page that is shown
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

	// Do not replace what the visitor is using.
	const inUse = () => {
		const selection = document.getSelection();
		const active = document.activeElement;
		return selection && !selection.isCollapsed || active && active.closest("form");
	};

	// place and restore keep the focus on the same link while the content is replaced.
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

	// Adds a button that copies a command or configuration.
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

	// How far the exporter's clock is ahead of ours, in milliseconds.
	let ahead = Date.parse(clock.querySelector("time").dateTime) - Date.now();
	const span = (seconds) => {
		if (seconds < 120) return seconds + " s";
		if (seconds < 7200) return Math.floor(seconds / 60) + " min";
		if (seconds < 172800) return Math.floor(seconds / 3600) + " h";
		return Math.floor(seconds / 86400) + " days";
	};
	const ago = (seconds) => {
		if (seconds < -2) return "in " + span(Math.floor(-seconds));
		return seconds < 2 ? "just now" : span(Math.floor(seconds)) + " ago";
	};
	const count = () => {
		if (paused || document.hidden || inUse()) return;
		for (const time of content.querySelectorAll("time.age")) {
			const seconds = (Date.now() + ahead - Date.parse(time.dateTime)) / 1000;
			const text = time.dataset.as === "age" ? span(Math.max(1, Math.floor(seconds))) : ago(seconds);
			if (time.textContent !== text) time.textContent = text;
		}
	};
	const asOf = (at) => {
		const time = clock.querySelector("time");
		const text = new Date(at).toISOString();
		time.dateTime = text.slice(0, 19) + "Z";
		time.textContent = text.slice(11, 19) + " UTC";
		clock.classList.remove("stale");
	};

	const refresh = async () => {
		if (paused || document.hidden || inUse()) return;
		try {
			const headers = { Accept: "text/html" };
			if (tag) headers["If-None-Match"] = tag;
			const answer = await fetch(location.pathname + location.search, { cache: "no-store", headers });
			const text = await answer.text();
			if (paused || inUse()) return;
			if (answer.status === 304) {
				asOf(Date.now() + ahead);
				return;
			}
			if (!answer.ok) throw new Error(String(answer.status));
			const next = new DOMParser().parseFromString(text, "text/html");
			const was = place(document.activeElement);
			content.replaceChildren(...document.adoptNode(next.getElementById("content")).childNodes);
			tag = answer.headers.get("ETag") || "";
			every = Number(next.querySelector("script[data-every]").dataset.every) || every;
			const at = Date.parse(next.querySelector("#refreshed time").dateTime);
			ahead = at - Date.now();
			asOf(at);
			copies();
			restore(was);
		} catch {
			if (paused) return;
			clock.classList.add("stale"); // the numbers stay, and look old
		}
	};
	const again = async () => {
		await refresh();
		setTimeout(again, every);
	};
	if (every) setTimeout(again, every);
	setInterval(count, 1000);
})();
