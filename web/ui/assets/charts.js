// What the charts of all pages share: colours, numbers, the time axis, and marks.
'use strict';
const charts = (() => {
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
  const number = (text) => text === '' || !Number.isFinite(Number(text)) ? null : Number(text);

  // format shows a number as the tables do: three digits, with its unit.
  const format = (v, unit) => {
    if (v === null || v === undefined) return '';
    const scaled = (base, units) => {
      let i = 0;
      while (Math.abs(v) >= base && i < units.length - 1) { v /= base; i++; }
      return Number(v.toPrecision(3)) + ' ' + units[i];
    };
    switch (unit) {
      case 'seconds': return Math.abs(v) < 1 && v !== 0 ? Number((v * 1000).toPrecision(3)) + ' ms' : Number(v.toPrecision(3)) + ' s';
      case 'bytes': return scaled(1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']);
      case 'bytes/s': return scaled(1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']) + '/s';
      case 'ratio': return Number((v * 100).toPrecision(3)) + ' %';
    }
    const plain = Math.abs(v) >= 10000 ? scaled(1000, ['', 'k', 'M', 'G', 'T', 'P', 'E']) : String(Number(v.toPrecision(3)));
    return unit ? plain + ' ' + unit : plain;
  };

  // between shows a range. A unit that both ends have is named once.
  const between = (from, to, unit) => {
    const [low, high] = [format(from, unit), format(to, unit)], named = high.slice((high + ' ').indexOf(' '));
    return (named && low.endsWith(named) ? low.slice(0, -named.length) : low) + ' to ' + high;
  };
  // values are the left axis of values of a unit, as wide as size. A long unit is named once, beside it.
  const values = (unit, size = 80) => {
    const long = unit.length > 2 && !['seconds', 'bytes', 'bytes/s', 'ratio'].includes(unit);
    return {
      ...(unit.startsWith('bytes') ? { incrs: Array.from({ length: 60 }, (_, i) => 2 ** i) } : {}),
      size: long ? size - 20 : size, values: (_, all) => all.map((v) => format(v, long ? '' : unit)),
      ...(long ? { label: unit, labelSize: 20, labelGap: 0, labelFont: '12px system-ui, sans-serif' } : {}),
    };
  };

  // times shows the hour and minute, and the day where it changes.
  const times = (u, all) => all.map((t, i) => {
    const d = new Date(t * 1000).toISOString();
    const day = i === 0 || d.slice(0, 10) !== new Date(all[i - 1] * 1000).toISOString().slice(0, 10);
    return d.slice(11, 16) + (day ? '\n' + d.slice(5, 10) : '');
  });
  const time = { label: 'UTC', value: (_, t) => t === null ? '' : new Date(t * 1000).toISOString().slice(0, 16).replace('T', ' ') };
  const line = (label, stroke, unit, extra) => ({ label, stroke, width: 1.5, points: { show: false }, value: (_, v) => format(v, unit), ...extra });
  // edge is an end of a band: a series that is not drawn, and that the legend does not list.
  const edge = () => ({ label: '', stroke: 'transparent', points: { show: false } });
  // range is the text of the band between two series at a step.
  const range = (u, i, from, to, unit) => i === null || u.data[from][i] == null ? '' : between(u.data[from][i], u.data[to][i], unit);

  // draw draws what a mark is made of, clipped to the chart.
  const draw = (u, f) => {
    const { left, top, width, height } = u.bbox;
    u.ctx.save();
    u.ctx.setLineDash([]); // of the series that was drawn last
    u.ctx.beginPath(); u.ctx.rect(left, top, width, height); u.ctx.clip();
    f(u.ctx, u.bbox);
    u.ctx.restore();
  };
  const vertical = (u, t, stroke) => draw(u, (ctx, { top, height }) => {
    const x = u.valToPos(t, 'x', true);
    ctx.strokeStyle = stroke;
    ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, top + height); ctx.stroke();
  });
  // note writes what a time is, beside it: to its left where there is no room to its right.
  const note = (u, t, text, fill, down = 0) => draw(u, (ctx, { left, top, width }) => {
    const x = u.valToPos(t, 'x', true), size = 11 * devicePixelRatio, gap = 4 * devicePixelRatio;
    ctx.font = size + 'px system-ui, sans-serif';
    ctx.fillStyle = fill;
    ctx.textBaseline = 'top';
    const right = x + gap + ctx.measureText(text).width < left + width;
    ctx.textAlign = right ? 'left' : 'right';
    ctx.strokeStyle = color('card'); // so that lines behind it do not cross it out
    ctx.lineWidth = 3 * devicePixelRatio;
    const at = [right ? x + gap : x - gap, top + gap * 2 + down * size * 1.3];
    ctx.strokeText(text, ...at);
    ctx.fillText(text, ...at);
  });
  const horizontal = (u, at, stroke) => draw(u, (ctx, { left, width }) => {
    const y = u.valToPos(at, 'y', true);
    ctx.strokeStyle = stroke;
    ctx.setLineDash([6, 4]);
    ctx.beginPath(); ctx.moveTo(left, y); ctx.lineTo(left + width, y); ctx.stroke();
  });

  // paint draws a group of charts, which f makes with plot, in place of what it drew for the same key before. It draws
  // them again if the colours change.
  const painted = new Map();
  let groups = 0;
  let plots; // of the group that is being drawn
  let inURL; // whether what it is zoomed to is in the address
  const paint = (key, f) => {
    painted.get(key)?.plots.forEach(({ u }) => u.destroy());
    plots = [];
    inURL = key === 'page';
    groups++;
    const drawn = f();
    painted.set(key, { plots, f });
    return drawn;
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => [...painted].forEach(([key, { f }]) => paint(key, f)));
  // The charts follow the width of their elements, in the frame after it has changed.
  const sizes = new ResizeObserver(() => requestAnimationFrame(() => painted.forEach((group) => group.plots.forEach(({ u, element }) => {
    if (element.clientWidth > 0 && u.width !== element.clientWidth) u.setSize({ width: element.clientWidth, height: u.height });
  }))));

  // What the charts of a page are zoomed to is in the fragment of its address, to be shared: #from=SECONDS&to=SECONDS.
  const asked = () => {
    const of = new URLSearchParams(location.hash.slice(1));
    const [min, max] = ['from', 'to'].map((name) => Number(of.get(name) ?? NaN));
    return min < max ? { min, max } : null;
  };
  const remember = ({ min, max }, all) => {
    const whole = min <= all[0] && max >= all[all.length - 1];
    const hash = whole ? '' : '#from=' + Math.floor(min) + '&to=' + Math.ceil(max);
    if (hash !== (asked() ? location.hash : '')) history.replaceState(null, '', location.pathname + location.search + hash);
  };

  // plot draws a chart in the colours of the page, with its times in UTC. What is selected in it is zoomed to, in all of
  // its group.
  const plot = (element, o, data) => {
    const hooks = inURL ? { ...o.hooks, setScale: [(u, key) => key === 'x' && remember(u.scales.x, data[0])] } : o.hooks;
    const axis = { stroke: color('faint'), grid: { stroke: color('line'), width: 1 }, ticks: { stroke: color('line'), width: 1 } };
    const u = new uPlot({
      width: element.clientWidth, tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), 'Etc/UTC'),
      cursor: { sync: { key: 'group' + groups }, drag: { x: true, y: false } },
      ...o, hooks, axes: [{ ...axis, values: times }, { ...axis, size: 80, ...o.y }],
    }, data, element);
    u.root.querySelectorAll('.u-legend .u-series').forEach((row, i) => { row.hidden = o.series[i].label === ''; });
    if (inURL && asked()) u.setScale('x', asked());
    plots.push({ u, element });
    sizes.observe(element);
  };

  // period fills the chart from a time to another, down from a share of its height, for tall pixels or all of it.
  const period = (u, [from, to], fill, { down = 0, tall } = {}) => draw(u, (ctx, { top, height }) => {
    const x = u.valToPos(from, 'x', true), pixels = tall ? tall * devicePixelRatio : height;
    ctx.fillStyle = fill;
    ctx.fillRect(x, top + down * (height - pixels), Math.max(2, u.valToPos(to, 'x', true) - x), pixels);
  });
  // segment draws a thin line from a time and a value to another.
  const segment = (u, [from, to], stroke) => draw(u, (ctx) => {
    ctx.strokeStyle = stroke;
    ctx.setLineDash([1, 3]);
    ctx.beginPath();
    [from, to].forEach(([t, v]) => ctx.lineTo(u.valToPos(t, 'x', true), u.valToPos(v, 'y', true)));
    ctx.stroke();
  });
  return { note, segment, color, number, format, between, values, line, edge, range, time, draw, vertical, horizontal, period, paint, plot };
})();
