// Draws the charts of a series: its value over what was expected, the forecast, and the score below.
'use strict';
(() => {
  const value = document.getElementById('value'), score = document.getElementById('score');
  const status = document.getElementById('status');
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
  const number = (text) => text === '' || !Number.isFinite(Number(text)) ? null : Number(text);

  // format shows a number as the tables do: three digits, with its unit.
  const format = (v, unit = value.dataset.unit) => {
    if (v === null || v === undefined) return '';
    const scaled = (base, units) => {
      let i = 0;
      while (Math.abs(v) >= base && i < units.length - 1) { v /= base; i++; }
      return Number(v.toPrecision(3)) + ' ' + units[i];
    };
    switch (unit) {
      case 'seconds': return Math.abs(v) < 1 && v !== 0 ? Number((v * 1000).toPrecision(3)) + ' ms' : Number(v.toPrecision(3)) + ' s';
      case 'bytes': return scaled(1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']);
      case 'ratio': return Number((v * 100).toPrecision(3)) + ' %';
    }
    return Math.abs(v) >= 10000 ? scaled(1000, ['', 'k', 'M', 'G', 'T', 'P']) : String(Number(v.toPrecision(3)));
  };

  // fan is the forecast as the table below the charts has it.
  const fan = [...document.querySelectorAll('#points tr[data-time]')].map((row) => ({
    time: Number(row.dataset.time), median: number(row.dataset.median), lower: number(row.dataset.lower),
    upper: number(row.dataset.upper), max: number(row.dataset.max),
  }));
  const bounds = [...document.querySelectorAll('[data-bound]')].map((p) => number(p.dataset.bound));

  // withGaps puts an empty step where steps are missing, so that no line crosses a gap.
  const withGaps = (h) => {
    const step = Math.min(...h.time.slice(1).map((t, i) => t - h.time[i]));
    const keys = ['value', 'expected', 'lower', 'upper', 'score', 'replicas'].filter((k) => h[k]);
    const out = Object.fromEntries([['time', []], ['muted', []], ...keys.map((k) => [k, []])]);
    h.time.forEach((t, i) => {
      if (i > 0 && t - h.time[i - 1] > step) {
        out.time.push(h.time[i - 1] + step);
        out.muted.push(false);
        keys.forEach((k) => out[k].push(null));
      }
      out.time.push(t);
      out.muted.push(h.muted[i]);
      keys.forEach((k) => out[k].push(h[k][i]));
    });
    return out;
  };

  // highSince says since when the score has been high, if that is within the range. Pauses of up to 15 minutes, over
  // which the alerting rule keeps firing, are passed over.
  const highSince = (h) => {
    let since = null, seen = null;
    for (let i = h.time.length - 1; i >= 0 && (seen ?? h.time[h.time.length - 1]) - h.time[i] <= 900; i--) {
      if (h.score[i] !== null && h.score[i] >= 0.8) since = seen = h.time[i];
    }
    if (since === null) return '';
    const text = new Date(since * 1000).toISOString();
    return 'The score has been high since ' + text.slice(11, 16) + ' UTC' + (since === h.time[0] ? ' or earlier.' : ' on ' + text.slice(0, 10) + '.');
  };

  let charts = [];
  // The charts follow the width of the window, in the frame after it has changed.
  new ResizeObserver(() => requestAnimationFrame(() => charts.forEach((c) => {
    if (c.width !== value.clientWidth) c.setSize({ width: value.clientWidth, height: c.height });
  }))).observe(value);

  const draw = (history) => {
    const h = withGaps(history), n = h.time.length, last = n - 1;
    const ahead = fan.filter((p) => p.time > h.time[last]);
    const x = h.time.concat(ahead.map((p) => p.time));
    const past = (values) => values.concat(ahead.map(() => null));
    const coming = (key) => h.time.map((_, i) => ahead.length && i === last ? h.value[last] : null).concat(ahead.map((p) => p[key]));
    // times shows the hour and minute, and the day where it changes.
    const times = (u, all) => all.map((t, i) => {
      const d = new Date(t * 1000).toISOString();
      const day = i === 0 || d.slice(0, 10) !== new Date(all[i - 1] * 1000).toISOString().slice(0, 10);
      return d.slice(11, 16) + (day ? '\n' + d.slice(5, 10) : '');
    });
    const axes = { stroke: color('faint'), grid: { stroke: color('line'), width: 1 }, ticks: { stroke: color('line'), width: 1 } };
    const line = (label, stroke, extra) => ({ label, stroke, width: 1.5, points: { show: false }, value: (_, v) => format(v), ...extra });
    const marks = (u) => {
      const ctx = u.ctx, { left, top, width, height } = u.bbox;
      ctx.save();
      ctx.fillStyle = color('muted');
      h.muted.forEach((muted, i) => {
        if (muted) ctx.fillRect(u.valToPos(h.time[i], 'x', true), top, Math.max(1, width / x.length), height);
      });
      ctx.strokeStyle = color('faint');
      ctx.beginPath();
      const now = u.valToPos(h.time[last], 'x', true);
      ctx.moveTo(now, top); ctx.lineTo(now, top + height); ctx.stroke();
      ctx.restore();
      return { ctx, left, top, width, height };
    };
    const horizontal = (u, at, stroke) => {
      const y = u.valToPos(at, 'y', true), { left, top, width, height } = u.bbox;
      if (y < top || y > top + height) return;
      u.ctx.save();
      u.ctx.strokeStyle = stroke;
      u.ctx.setLineDash([6, 4]);
      u.ctx.beginPath(); u.ctx.moveTo(left, y); u.ctx.lineTo(left + width, y); u.ctx.stroke();
      u.ctx.restore();
    };
    const stamp = (_, t) => t === null ? '' : new Date(t * 1000).toISOString().slice(0, 16).replace('T', ' ');
    const cursor = { sync: { key: 'series' }, drag: { x: true, y: false } };
    // range is the text of a band at a step: its ends are series of their own, which the legend does not list.
    const range = (u, i, from, to) => i === null || u.data[from][i] == null ? '' : format(u.data[from][i]) + ' to ' + format(u.data[to][i]);
    const series = [
      { label: 'UTC', value: stamp },
      line('', 'transparent'), line('', 'transparent'),
      line('usual', color('expected'), { dash: [4, 4], value: (u, _, __, i) => range(u, i, 2, 1) }),
      line('value', color('value'), { width: 2 }),
      line('', 'transparent'), line('', 'transparent'),
      line('forecast', color('forecast'), { width: 2, value: (u, _, __, i) => range(u, i, 6, 5) }),
      line('largest', color('forecast'), { width: 1, dash: [2, 3] }),
    ];
    const data = [x, past(h.upper), past(h.lower), past(h.expected), past(h.value),
      coming('upper'), coming('lower'), coming('median'), coming('max')];
    if (h.replicas) {
      series.push(line('replicas', color('expected'), { scale: 'replicas', value: (_, v) => v === null ? '' : String(v), paths: uPlot.paths.stepped({ align: 1 }) }));
      data.push(past(h.replicas));
    }
    const utc = (ts) => uPlot.tzDate(new Date(ts * 1000), 'Etc/UTC');
    charts = [];
    value.replaceChildren();
    charts.push(new uPlot({
      width: value.clientWidth, height: 300, tzDate: utc, cursor, series,
      bands: [{ series: [1, 2], fill: color('band') }, { series: [5, 6], fill: color('fan') }],
      axes: [{ ...axes, values: times }, { ...axes, size: 72, values: (_, all) => all.map((v) => format(v)) },
        ...(h.replicas ? [{ ...axes, scale: 'replicas', side: 1, grid: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] }] : [])],
      hooks: { draw: [(u) => { marks(u); bounds.forEach((b) => b !== null && horizontal(u, b, color('bound'))); }] },
    }, data, value));
    charts[0].root.querySelectorAll('.u-legend .u-series').forEach((row, i) => { row.hidden = series[i].label === ''; });
    score.replaceChildren();
    if (h.score.some((v) => v !== null)) {
      const level = (from, to) => past(h.score.map((v) => v !== null && v >= from && v < to ? v : null));
      const bars = (label, stroke) => ({ label, stroke, fill: stroke, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [1, Infinity] }), value: (_, v) => v === null ? '' : v.toFixed(2) });
      charts.push(new uPlot({
        width: score.clientWidth, height: 130, tzDate: utc, cursor, legend: { show: true },
        scales: { y: { range: [0, 1] } },
        series: [{ label: 'UTC', value: stamp }, bars('score', color('faint')), bars('high', color('high')), bars('critical', color('critical'))],
        axes: [{ ...axes, values: times }, { ...axes, size: 72, splits: [0, 0.6, 0.8], values: (_, all) => all.map((v) => v.toFixed(1)) }],
        hooks: { draw: [(u) => { marks(u); [[0.6, 'line'], [0.8, 'high'], [0.9, 'critical']].forEach(([at, c]) => horizontal(u, at, color(c))); }] },
      }, [x, level(0, 0.8), level(0.8, 0.9), level(0.9, 2)], score));
    }
  };

  const load = async () => {
    status.textContent = 'Replaying the history as it was published.';
    try {
      const response = await fetch(value.dataset.series, { cache: 'no-cache' });
      const answer = await response.json();
      if (answer.status !== 'success') throw new Error(answer.error);
      const history = answer.data.series[0].history;
      if (!history.time || history.time.length < 2) throw new Error('fewer than two steps have a value');
      draw(history);
      status.textContent = highSince(history);
      matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => draw(history));
    } catch (err) {
      status.textContent = 'No chart: ' + err.message;
    }
  };
  load();
})();
