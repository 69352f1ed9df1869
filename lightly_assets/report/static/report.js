"use strict";
/* The report's behaviour: tabs, charts, and the gallery with its large view. All text goes in as text, never as markup. */
(() => {
  const read = (id) => { const e = document.getElementById(id); return e ? JSON.parse(e.textContent) : null; };
  const figures = read("report-figures"), data = read("report-frames");
  const reasons = data.reasons, frames = data.frames;
  const PALETTE = ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00"];
  const RIGHT = 1, WRONG = 0, PAGE = 12, SERVED = data.served;

  const el = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "class") node.className = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value === true) node.setAttribute(key, "");
      else if (value !== false && value != null) node.setAttribute(key, value);
    }
    for (const child of children) if (child != null) node.append(child);
    return node;
  };
  const number = (value) => value.toLocaleString("en");
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const mixed = (hex, target, share) => "#" + [1, 3, 5].map((at) => {
    const value = parseInt(hex.slice(at, at + 2), 16);
    return Math.round(value + (target - value) * share).toString(16).padStart(2, "0");
  }).join("");
  /* The same colour as in all other pictures of this product. */
  const colour = (id) => {
    const base = PALETTE[id % PALETTE.length], variant = Math.floor(id / PALETTE.length) % 3;
    return variant === 0 ? base : mixed(base, variant === 1 ? 255 : 0, variant === 1 ? 0.5 : 0.4);
  };
  const onColour = (hex) => {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return 0.299 * r + 0.587 * g + 0.114 * b > 120 ? "#16181d" : "#ffffff";
  };

  /* ---- theme ---- */
  const redraws = new Set();
  const themeButton = document.getElementById("theme");
  const dark = () => document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const nameTheme = () => { themeButton.textContent = dark() ? "Light" : "Dark"; };
  themeButton.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark"; nameTheme(); redraws.forEach((draw) => draw());
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { nameTheme(); redraws.forEach((draw) => draw()); });
  nameTheme();

  /* ---- tabs ---- */
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const started = new Set(), openers = {};
  const show = (tab, focus) => {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", chosen); other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (focus) tab.focus();
    tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    const task = tab.dataset.task;
    if (task !== undefined && !started.has(task)) { started.add(task); startTask(Number(task)); }
  };
  tabs.forEach((tab, place) => {
    tab.addEventListener("click", () => { show(tab); history.replaceState(null, "", "#" + tab.getAttribute("aria-controls")); });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -place, End: tabs.length - 1 - place }[event.key];
      if (step !== undefined) { event.preventDefault(); show(tabs[(place + step + tabs.length) % tabs.length], true); }
    });
  });
  document.querySelectorAll("[data-open-task]").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault(); show(tabs[Number(link.dataset.openTask) + 1], true); scrollTo(0, 0);
    if (link.dataset.frame) openers[link.dataset.openTask]?.(link.dataset.frame);
  }));

  /* ---- charts ---- */
  const chart = (holder, label, make) => {
    let plot = null;
    const draw = () => {
      if (!holder.isConnected || !holder.clientWidth) return;
      if (plot) plot.destroy();
      const { options, values } = make();
      const axis = { stroke: css("--soft"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
      options.axes = (options.axes || [{}, {}]).map((one) => ({ ...axis, ...one }));
      plot = new uPlot({ width: holder.clientWidth, height: 210, cursor: { drag: { setScale: true } }, ...options }, values, holder);
      plot.root.querySelectorAll("canvas").forEach((canvas) => canvas.setAttribute("aria-hidden", "true"));
    };
    holder.setAttribute("role", "img"); holder.setAttribute("aria-label", label);
    redraws.add(draw); new ResizeObserver(draw).observe(holder); draw();
    return draw;
  };
  const bars = (counts, name, labels, x) => ({
    options: {
      scales: { x: { time: false, range: [-0.6, counts.length - 0.4] }, y: { range: (_, low, high) => [0, Math.max(high, 1)] } },
      legend: { show: true, live: true },
      series: [{ label: x, value: (_, v) => (v == null ? "all" : labels[v] ?? "") },
        { label: name, fill: css("--bar"), stroke: css("--bar"), width: 0, paths: uPlot.paths.bars({ size: [0.86, 60] }), points: { show: false }, value: (_, v) => number(v ?? counts.reduce((sum, one) => sum + one, 0)) }],
      axes: [{ values: (_, splits) => splits.map((v) => (Number.isInteger(v) ? labels[v] ?? "" : "")), grid: { show: false }, space: 46 }, { values: (_, splits) => splits.map((v) => short(v)), size: 52 }],
    },
    values: [counts.map((_, place) => place), counts],
  });
  const short = (v) => (Math.abs(v) >= 1e6 ? v / 1e6 + "M" : Math.abs(v) >= 1e4 ? v / 1e3 + "k" : String(Math.round(v * 1000) / 1000));
  const select = (options, onchange, label) => {
    const list = el("select", { onchange: (event) => onchange(event.target.value), "aria-label": label });
    options.forEach(([value, text]) => list.append(el("option", { value }, text)));
    return list;
  };
  const card = (holder, title, note) => {
    const figure = el("figure", { class: "card" }, el("h3", {}, title));
    const controls = el("div", { class: "controls" }), place = el("div", { class: "chart" });
    figure.append(controls, place, el("figcaption", {}, note)); holder.append(figure);
    return { controls, place };
  };

  const charts = (task, judged, holder) => {
    const bins = task.score.all.length, edges = task.score.all.map((_, i) => (i / bins).toFixed(2));
    let counts = task.score.all;
    const scores = card(holder, "Scores", "How many predictions have which score.");
    const drawScores = chart(scores.place, `Histogram of ${number(task.predictions)} scores, mean ${task.score.mean?.toFixed(2)}`, () => bars(counts, "predictions", edges, "score from"));
    if (task.score.by_category.length > 1) scores.controls.append(select([["", "All classes"], ...task.categories.map((one, i) => [i, one.name])],
      (value) => { counts = value === "" ? task.score.all : task.score.by_category[value]; drawScores(); }, "Class of the histogram of scores"));
    const names = Object.keys(task.uncertainty);
    let score = task.uncertain_by;
    const uncertain = card(holder, "Active learning scores", "How many frames have which score, as the platform computes it.");
    const tenths = task.uncertainty[score].counts.map((_, i, all) => (i / all.length).toFixed(2));
    const drawUncertain = chart(uncertain.place, `Histogram of uncertainty, mean ${task.uncertainty[score].mean?.toFixed(2)}`, () => bars(task.uncertainty[score].counts, "frames", tenths, "from"));
    const chooser = select(names.map((name) => [name, name]), (value) => { score = value; drawUncertain(); }, "Active learning score");
    chooser.value = score; uncertain.controls.append(chooser);
    if (task.type !== "classification") {
      const per = card(holder, "Predictions per frame", "How many frames have so many predictions; 20 stands for 20 and more.");
      const last = Math.max(3, task.per_file.findLastIndex((one) => one > 0));
      chart(per.place, "Histogram of predictions per frame", () => bars(task.per_file.slice(0, last + 1), "frames", task.per_file.map((_, i) => (i === 20 ? "20+" : String(i))), "predictions"));
    }
    if (task.sizes.length) {
      const size = card(holder, "Sizes", "How many predictions have the area of a square with such a side, in pixels.");
      const sides = task.sizes.map((_, i) => String(Math.round(2 ** (i / 2))));
      chart(size.place, "Histogram of sizes", () => bars(task.sizes, "predictions", sides, "pixels from"));
    }
    if (judged?.curves?.length) {
      const curve = card(holder, "Precision and recall", "At an overlap of .5. The area below a line is its average precision.");
      chart(curve.place, `Precision over recall; average precision ${judged.map50?.toFixed(3)}`, () => ({
        options: {
          scales: { x: { time: false, range: [0, 1] }, y: { range: [0, 1.02] } }, legend: { live: true },
          series: [{ label: "recall", value: (_, v) => v?.toFixed(2) ?? "" }, ...judged.curves.map((one, i) => ({
            label: one.name, stroke: i ? lineColour(i - 1) : css("--ink"), width: i ? 1.5 : 2.5, dash: i > 7 ? [2, 3] : i > 3 ? [6, 4] : undefined, points: { show: false }, value: (_, v) => v?.toFixed(3) ?? "",
          }))],
          axes: [{ label: null }, { size: 44 }],
        },
        values: [judged.recalls, ...judged.curves.map((one) => one.precision)],
      }));
    }
    timeline(task, holder);
  };
  const lineColour = (i) => (dark() ? PALETTE[i % 7] : mixed(PALETTE[i % 7], 0, 0.28));
  const timeline = (task, holder) => {
    if (!task.videos.some((one) => one.counts.length)) return;
    const ordered = [...task.videos].sort((a, b) => (b.files > 4) - (a.files > 4) || b.uncertainty - a.uncertainty);
    let video = ordered[0];
    const over = card(holder, "Over time", "Predictions per frame and uncertainty along a video, or a folder's files. Drag to zoom, double-click to zoom out.");
    over.place.parentElement.style.gridColumn = "1 / -1";
    const draw = chart(over.place, "Predictions per frame and uncertainty over time", () => ({
      options: {
        scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.05)] }, u: { range: [0, 1] } },
        series: [{ label: "frame", value: (_, v) => (v == null ? "" : number(v)) },
          { label: "predictions", stroke: css("--bar"), width: 1.8, points: { show: false }, value: (_, v) => v ?? "" },
          { label: "uncertainty", scale: "u", stroke: dark() ? "#e69f00" : "#a86c00", dash: [6, 4], width: 1.4, points: { show: false }, value: (_, v) => v ?? "" }],
        axes: [{}, { size: 48 }, { scale: "u", side: 1, grid: { show: false }, size: 44 }],
      },
      values: [video.counts.map((_, place) => place * video.step), video.counts, video.uncertain],
    }));
    if (task.videos.length > 1) over.controls.append(select(ordered.map((one, i) => [i, `${one.name} (${number(one.files)})`]), (value) => { video = ordered[value]; draw(); }, "Video"));
  };

  /* ---- drawing of predictions ---- */
  let pictures = null;
  const picture = (place) => {
    if (pictures === null) { const e = document.getElementById("report-pictures"); pictures = e ? e.textContent.split("\n") : []; }
    return pictures[place] || null;
  };
  const images = new Map();
  const load = (place, large) => {
    const key = place + (large ? "L" : "");
    if (!images.has(key)) {
      const source = SERVED ? `${large ? "frame" : "thumbnail"}/${place}` : (picture(place) ? "data:image/webp;base64," + picture(place) : null);
      images.set(key, source === null ? Promise.resolve(null) : new Promise((done) => {
        const image = new Image(); image.onload = () => done(image); image.onerror = () => done(null); image.src = source;
      }));
      if (images.size > 400) images.delete(images.keys().next().value);
    }
    return images.get(key);
  };
  const masks = (runs, grid, hex, context, width, height) => {
    const [columns, rows] = grid, pixels = new ImageData(columns, rows), filled = new Uint8Array(columns * rows);
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    let at = 0, value = 0;
    for (const run of runs) { if (value) filled.fill(1, at, at + run); at += run; value ^= 1; }
    for (let i = 0; i < filled.length; i++) if (filled[i]) {
      const x = i % columns, edge = x === 0 || x === columns - 1 || !filled[i - 1] || !filled[i + 1] || !filled[i - columns] || !filled[i + columns];
      pixels.data.set([r, g, b, edge ? 235 : 105], i * 4);
    }
    const small = document.createElement("canvas"); small.width = columns; small.height = rows;
    small.getContext("2d").putImageData(pixels, 0, 0);
    context.imageSmoothingEnabled = true; context.drawImage(small, 0, 0, width, height);
  };
  const extent = (entry) => {
    if (entry.size) return entry.size;
    let [w, h] = [64, 48];
    for (const one of [...entry.o, ...(entry.l || [])]) {
      if (one[2]) { w = Math.max(w, one[2][0] + one[2][2]); h = Math.max(h, one[2][1] + one[2][3]); }
    }
    return [w * 1.04, h * 1.04];
  };
  const drawn = (entry, task, filter) => entry.o.filter((one) => (one[1] ?? 1) >= filter.score && (filter.category === "" || one[0] === Number(filter.category)));
  const paint = async (canvas, entry, task, judged, side, filter, large) => {
    const image = await load(entry.f, large), [w, h] = entry.size || (image ? [image.naturalWidth, image.naturalHeight] : extent(entry));
    const scale = Math.min(2, devicePixelRatio || 1), width = Math.round((canvas.clientWidth || 320) * scale), height = Math.max(1, Math.round(width * h / w));
    canvas.width = width; canvas.height = height; canvas.style.aspectRatio = `${w} / ${h}`;
    const context = canvas.getContext("2d");
    if (image) context.drawImage(image, 0, 0, width, height);
    else { context.fillStyle = css("--frame"); context.fillRect(0, 0, width, height); }
    const objects = side === "l" ? entry.l || [] : drawn(entry, task, filter).reverse();
    const names = side === "l" ? judged.names : task.categories.map((one) => one.name);
    const ids = side === "l" ? judged.names.map((name) => task.categories.find((one) => one.name === name)?.id ?? 0) : task.categories.map((one) => one.id);
    const s = width / w, line = Math.max(1.4, (large ? 2.2 : 1.7) * scale), size = (large ? 13 : 9.5) * scale, taken = [];
    if (task.type === "classification") return classes(context, objects, names, ids, size, width);
    for (const one of objects) if (one[3]?.length && task.type !== "keypoint-detection" && entry.size) masks(one[3], gridOf(entry.size), colour(ids[one[0]]), context, width, height);
    for (const one of objects) {
      const shade = colour(ids[one[0]]);
      context.lineWidth = line; context.strokeStyle = shade;
      if (one[2] && !task.type.startsWith("semantic") && !(task.type.startsWith("instance") && one[3]?.length)) {
        const [x, y, bw, bh] = one[2].map((value) => value * s);
        context.setLineDash([]); context.strokeStyle = "rgba(0,0,0,0.55)"; context.lineWidth = line + 1.6; context.strokeRect(x, y, bw, bh);
        context.setLineDash(bad(one, side) ? [5 * scale, 4 * scale] : []); context.strokeStyle = shade; context.lineWidth = line; context.strokeRect(x, y, bw, bh);
        context.setLineDash([]);
      }
      if (task.type === "keypoint-detection" && one[3]) for (let i = 0; i < one[3].length; i += 3) {
        context.beginPath(); context.arc(one[3][i] * s, one[3][i + 1] * s, line + 1, 0, 7);
        context.fillStyle = one[3][i + 2] >= 0.5 ? shade : "rgba(0,0,0,0.4)"; context.fill(); context.lineWidth = 1; context.strokeStyle = shade; context.stroke();
      }
    }
    context.font = `600 ${size}px system-ui, sans-serif`; context.textBaseline = "top";
    for (const one of [...objects].reverse()) label(context, one, names, ids, side, s, size, width, height, taken, entry, task, large);
  };
  const gridOf = ([w, h]) => { const columns = Math.min(w, data.grid); return [columns, Math.max(1, Math.round(h * columns / w))]; };
  const bad = (one, side) => (side === "l" ? one[4] === 0 : one[4] === WRONG);
  const mark = (one, side) => (side === "l" ? (one[4] === 0 ? "missed " : "") : one[4] === WRONG ? "✕ " : one[4] === RIGHT ? "✓ " : "");
  const label = (context, one, names, ids, side, s, size, width, height, taken, entry, task, large) => {
    if (taken.length > (large ? 60 : 5)) return;
    // In a small picture only what is worth a word gets one: faults where there are labels.
    if (!large && entry.e && !bad(one, side) && !task.type.startsWith("semantic")) return;
    const name = names[one[0]], short = large ? 28 : 14;
    const text = mark(one, side) + (name.length > short ? name.slice(0, short - 1) + "…" : name) + (one[1] == null ? "" : " " + one[1].toFixed(2));
    const w = context.measureText(text).width + 6, h = size * 1.3;
    let [x, y] = one[2] ? [one[2][0] * s, one[2][1] * s - h] : middle(one, entry, width, height);
    x = Math.max(0, Math.min(x, width - w)); y = Math.max(0, Math.min(y, height - h));
    for (let tries = 0; tries < 3 && taken.some(([a, b, c, d]) => x < a + c && a < x + w && y < b + d && b < y + h); tries++) y += h;
    if (y + h > height || taken.some(([a, b, c, d]) => x < a + c && a < x + w && y < b + d && b < y + h)) return;
    taken.push([x, y, w, h]);
    const shade = colour(ids[one[0]]);
    context.fillStyle = shade; context.fillRect(x, y, w, h); context.fillStyle = onColour(shade); context.fillText(text, x + 3, y + size * 0.14);
  };
  const middle = (one, entry, width, height) => {
    if (!one[3]?.length || !entry.size) return [4, 4];
    const [columns, rows] = gridOf(entry.size); let at = 0, value = 0, best = 0, place = 0;
    for (const run of one[3]) { if (value && run > best && run < columns) { best = run; place = at + run / 2; } at += run; value ^= 1; }
    return [((place % columns) / columns) * width - 20, (Math.floor(place / columns) / rows) * height];
  };
  const classes = (context, objects, names, ids, size, width) => {
    context.font = `600 ${size * 1.15}px system-ui, sans-serif`; context.textBaseline = "top";
    objects.slice(-5).reverse().forEach((one, row) => {
      const text = names[one[0]].slice(0, 40) + (one[1] == null ? "" : " " + one[1].toFixed(2)), shade = colour(ids[one[0]]);
      const w = Math.min(width, context.measureText(text).width + 12);
      context.fillStyle = shade; context.fillRect(0, row * size * 1.7, w, size * 1.65); context.fillStyle = onColour(shade); context.fillText(text, 6, row * size * 1.7 + size * 0.25, width - 12);
    });
  };

  /* ---- gallery ---- */
  const words = (entry) => {
    const [found, missed, wrong] = entry.e || [];
    const faults = entry.e ? (data.pixels.has(entry) ? "" : `${number(missed)} missed, ${number(wrong)} wrong, `) : "";
    return `${faults}${number(entry.n)} ${entry.n === 1 ? "prediction" : "predictions"}, uncertainty ${entry.u.toFixed(2)}`;
  };
  /* The reasons that a frame stands highest in come first. */
  const because = (entry) => Object.keys(entry.why).sort((a, b) => entry.why[a] - entry.why[b]).map((key) => reasons[key]);
  data.pixels = new Set();
  const startTask = (place) => {
    const task = figures.tasks[place], judged = data.evaluations[place], entries = data.galleries[place];
    const panel = document.getElementById("task-" + place);
    if (task.type.startsWith("semantic")) entries.forEach((entry) => data.pixels.add(entry));
    charts(task, judged, panel.querySelector(".charts"));
    openers[place] = gallery(task, judged, entries, panel.querySelector(".gallery"));
  };
  const ORDERS = {
    reason: ["What shows most", null], faults: ["Most faults", (e) => -(e.e ? e.e[1] + e.e[2] : 0)], uncertain: ["Most uncertain", (e) => -e.u],
    most: ["Most predictions", (e) => -e.n], least: ["Fewest predictions", (e) => e.n], name: ["Name", null],
  };
  const gallery = (task, judged, entries, holder) => {
    const state = { why: "", video: "", order: judged ? "faults" : "reason", score: 0, category: "", sides: Boolean(judged), page: 0 };
    const list = el("ul", { class: "frames" }), pager = el("div", { class: "pager" }), counted = el("p", { class: "soft", "aria-live": "polite" });
    const controls = el("div", { class: "controls" });
    const chosen = {}, field = (text, control) => { control.setAttribute("aria-label", text); controls.append(el("label", {}, text, control)); };
    const chooser = (options, key) => { const node = select(options, (value) => {
      state[key] = value; state.page = 0;
      // Whoever asks for a reason wants its first ones first.
      if (key === "why" && value) { state.order = "reason"; chosen.order.value = "reason"; }
      render();
    }, null); node.value = state[key]; chosen[key] = node; return node; };
    const given = Object.keys(reasons).filter((key) => entries.some((entry) => key in entry.why));
    field("Show", chooser([["", `All ${number(entries.length)} frames`], ...given.map((key) => [key, `${reasons[key]} (${entries.filter((entry) => key in entry.why).length})`])], "why"));
    field("First", chooser(Object.entries(ORDERS).filter(([key]) => key !== "faults" || judged).map(([key, [text]]) => [key, text]), "order"));
    if (task.categories.length > 1) field("Class", chooser([["", "All classes"], ...task.categories.map((one, i) => [i, one.name])], "category"));
    const videos = [...new Set(entries.map((entry) => frames[entry.f].video))];
    if (videos.length > 1) field("Video or folder", chooser([["", `All ${videos.length}`], ...videos.map((one) => [one, one])], "video"));
    const shown = el("span", {}, "0.00");
    controls.append(el("label", {}, el("span", {}, "Score from ", shown), el("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0, oninput: (event) => { state.score = Number(event.target.value); shown.textContent = state.score.toFixed(2); state.page = 0; render(); } })));
    if (judged) controls.append(el("label", { class: "check" }, el("input", { type: "checkbox", checked: true, onchange: (event) => { state.sides = event.target.checked; render(); } }), "Labels beside predictions"));
    const legend = el("ul", { class: "legend", "aria-label": "Colours" });
    task.categories.slice(0, 24).forEach((one) => { const swatch = el("i"); swatch.style.background = colour(one.id); legend.append(el("li", {}, swatch, one.name)); });
    if (judged && task.type !== "classification" && !task.type.startsWith("semantic")) legend.append(el("li", {}, "✓ right, ✕ and dashed: wrong or missed"));
    holder.append(controls, legend, counted, list, pager);
    const matching = () => {
      const few = entries.filter((entry) => (!state.why || state.why in entry.why) && (!state.video || frames[entry.f].video === state.video)
        && ((state.score === 0 && state.category === "") || drawn(entry, task, state).length));
      const by = ORDERS[state.order][1];
      if (state.order === "name") few.sort((a, b) => (frames[a.f].name < frames[b.f].name ? -1 : 1));
      else if (by) few.sort((a, b) => by(a) - by(b));
      else if (state.why) few.sort((a, b) => a.why[state.why] - b.why[state.why]);
      return few;
    };
    const render = () => {
      const few = matching(), pages = Math.max(1, Math.ceil(few.length / PAGE));
      state.page = Math.min(state.page, pages - 1);
      const shownNow = few.slice(state.page * PAGE, (state.page + 1) * PAGE);
      counted.textContent = few.length ? `${number(few.length)} of ${number(task.files)} frames; Enter or a click shows one large.` : "No frame fits; widen the filters.";
      list.classList.toggle("wide", Boolean(state.sides && judged));
      list.replaceChildren(...shownNow.map((entry, place) => cardOf(entry, () => large(task, judged, few, state.page * PAGE + place, state))));
      pager.replaceChildren();
      if (pages > 1) pager.append(
        el("button", { class: "plain", disabled: state.page === 0, onclick: () => { state.page--; render(); } }, "Previous"),
        el("span", {}, `Page ${state.page + 1} of ${pages}`),
        el("button", { class: "plain", disabled: state.page === pages - 1, onclick: () => { state.page++; render(); } }, "Next"));
      list.querySelectorAll("canvas").forEach((canvas) => canvas.draw());
    };
    const cardOf = (entry, open) => {
      const two = state.sides && entry.l, frame = frames[entry.f], pair = el("span", { class: "pair" + (two ? " two" : "") });
      for (const side of two ? ["o", "l"] : ["o"]) {
        const canvas = el("canvas", { "aria-hidden": "true" });
        canvas.draw = () => paint(canvas, entry, task, judged, side, state, false); pair.append(canvas);
      }
      const faults = entry.e && !data.pixels.has(entry) && entry.e[1] + entry.e[2] ? el("span", { class: "faults" }, `${entry.e[1]} missed, ${entry.e[2]} wrong · `) : null;
      const about = el("span", { class: "why" }, faults, `${number(entry.n)} predicted · uncertainty ${entry.u.toFixed(2)}`);
      const file = el("bdi", {}, frame.name);
      const button = el("button", { onclick: open, "aria-label": `${frame.name}: ${words(entry)}. ${because(entry).join("; ")}` }, pair,
        el("span", { class: "about" }, el("span", { class: "file", title: frame.name }, file), about, el("span", { class: "why" }, because(entry).slice(0, 2).join(" · "))));
      return el("li", {}, button);
    };
    list.addEventListener("keydown", (event) => {
      const buttons = [...list.querySelectorAll("button")], at = buttons.indexOf(document.activeElement);
      const across = buttons.filter((one) => one.offsetTop === buttons[0].offsetTop).length;
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
      if (at >= 0 && step && buttons[at + step]) { event.preventDefault(); buttons[at + step].focus(); }
    });
    redraws.add(() => list.isConnected && list.querySelectorAll("canvas").forEach((canvas) => canvas.draw()));
    new ResizeObserver(() => list.querySelectorAll("canvas").forEach((canvas) => canvas.draw())).observe(list);
    render();
    return (name) => {
      const few = matching(), at = few.findIndex((entry) => frames[entry.f].name === name);
      if (at >= 0) large(task, judged, few, at, state);
    };
  };

  /* ---- one frame, large ---- */
  const dialog = document.getElementById("large");
  const large = (task, judged, entries, start, filter) => {
    let at = start;
    const title = dialog.querySelector("h2"), inside = dialog.querySelector(".inside"), from = document.activeElement;
    const go = (step) => { at = Math.max(0, Math.min(entries.length - 1, at + step)); fill(); };
    const fill = () => {
      const entry = entries[at], frame = frames[entry.f], two = judged && entry.l;
      title.textContent = `${frame.name} (${at + 1} of ${entries.length})`;
      const pair = el("div", { class: "pair stack" + (two ? " two" : "") }), canvases = [];
      for (const side of two ? ["o", "l"] : ["o"]) {
        const canvas = el("canvas", { role: "img", "aria-label": side === "l" ? "The frame with its labels" : "The frame with its predictions: " + words(entry) });
        canvases.push(() => paint(canvas, entry, task, judged, side, filter, true));
        pair.append(el("figure", {}, el("figcaption", {}, side === "l" ? `Labels (${entry.l.length})` : `Predictions (${entry.n})`), canvas));
      }
      const rows = drawn(entry, task, filter).slice(0, 100).map((one) => el("tr", {}, el("th", { scope: "row" }, mark(one, "o") + task.categories[one[0]].name),
        el("td", {}, one[1] == null ? "–" : one[1].toFixed(3)), el("td", {}, one[2] ? one[2].map((v) => Math.round(v)).join(", ") : "–")));
      const table = el("table", {}, el("caption", {}, words(entry) + ". " + because(entry).join("; ") + "."),
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Class"), el("th", { scope: "col" }, "Score"), el("th", { scope: "col" }, "Box x, y, w, h"))), el("tbody", {}, ...rows));
      inside.replaceChildren(pair, el("div", { class: "scroll" }, table), el("p", { class: "soft" }, el("kbd", {}, "←"), " ", el("kbd", {}, "→"), " next frame, ", el("kbd", {}, "Esc"), " closes"));
      canvases.forEach((draw) => draw());
      dialog.querySelector("[data-back]").disabled = at === 0; dialog.querySelector("[data-next]").disabled = at === entries.length - 1;
    };
    dialog.querySelector("[data-back]").onclick = () => go(-1);
    dialog.querySelector("[data-next]").onclick = () => go(1);
    dialog.onkeydown = (event) => { const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]; if (step) { event.preventDefault(); go(step); } };
    dialog.onclose = () => from?.focus();
    dialog.showModal(); fill();
  };
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  show(tabs.find((tab) => "#" + tab.getAttribute("aria-controls") === location.hash) || tabs[0]);
  document.documentElement.dataset.ready = "1";
})();
