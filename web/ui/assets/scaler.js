// Draws the charts of a scaler: the load with its forecast and capacity, the replicas of each strategy, and below in
// lanes what decided and when there were too few.
'use strict';
// charts.scaler draws a history into three elements, load, fleet and lanes. unit is that of the load; bounds are the
// least and most replicas; before are earlier loads, as { label, value }; firing and rollouts are lists of pairs of
// times; chosen is told the time that is clicked. It returns the names of the marks that it has drawn.
(() => {
  const { color, line, edge } = charts;
  const colors = { recommended: 'expected', reactive: 'high', static: 'faint', running: 'running' };
  const deciders = { forecast: 'forecast', current: 'value', min: 'faint', max: 'bound', stabilization: 'expected' };

  const size = 92; // of the left axes, so that all begin at the same place: as wide as the names of the lanes

  charts.scaler = ({ load, fleet, lanes, unit = '', bounds = [], before = [], firing = [], rollouts = [], chosen = null }, h) => {
    const last = h.load.findLastIndex((v) => v !== null);
    const now = (u) => {
      charts.vertical(u, h.time[last], color('faint'));
      firing.forEach((p) => charts.period(u, p, color('high'), { tall: 5 }));
      rollouts.forEach(([from]) => charts.vertical(u, from, color('rollout')));
    };
    const init = [(u) => u.over.addEventListener('click', () => u.cursor.idx <= last && chosen?.(h.time[u.cursor.idx]))];
    const stairs = { paths: uPlot.paths.stepped({ align: 1 }) };
    const strategy = (name) => h.strategies.find((s) => s.name === name);
    const carries = (name) => strategy(name) ? strategy(name).replicas.map((n, i) => n === null || h.capacity[i] === null ? null : n * h.capacity[i]) : h.time.map(() => null);
    charts.plot(load, {
      height: 300,
      series: [
        charts.time, edge(), edge(),
        line('forecast for then', color('forecast'), unit, { value: (u, _, __, i) => charts.range(u, i, 2, 1, unit) }),
        line('largest ahead', color('forecast'), unit, { width: 1, dash: [2, 3] }),
        line('recommended carry', color('expected'), unit, stairs),
        strategy('running') ? line('running carry', color('running'), unit, stairs) : edge(),
        line('load', color('value'), unit, { width: 2 }),
        ...before.map((b, i) => line(b.label, color(i % 2 ? 'truth' : 'rollout'), unit, { width: 1, dash: [3, 2] })),
      ],
      bands: [{ series: [1, 2], fill: color('fan') }],
      scales: { y: { range: (_, least, most) => [Math.min(0, least), most * 1.05] } },
      y: charts.values(unit, size),
      hooks: { draw: [now], init },
    }, [h.time, h.upper, h.lower, h.expected, h.largest, carries('recommended'), carries('running'), h.load, ...before.map((b) => b.value)]);
    charts.plot(fleet, {
      height: 200,
      series: [charts.time, ...h.strategies.map((s) => line(s.name, color(colors[s.name]), '', { ...stairs, width: s.name === 'recommended' ? 2.5 : 1.5, dash: s.name === 'static' ? [6, 4] : undefined }))],
      scales: { y: { range: (_, least, most) => [0, most + 1] } },
      y: { size, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
      hooks: { init, draw: [(u) => { now(u); bounds.forEach((n) => n !== null && charts.horizontal(u, n, color('bound'))); }] },
    }, [h.time, ...h.strategies.map((s) => s.replicas)]);

    // A lane is filled where its colour says so.
    const rows = [
      { name: 'decided', color: (i) => deciders[h.decided[i]], text: (i) => h.decided[i] },
      ...h.strategies.map((s) => ({ name: s.name, color: (i) => s.short[i] ? 'bound' : undefined, text: (i) => s.short[i] ? 'too few' : 'enough' })),
    ];
    charts.plot(lanes, {
      height: 60 + 22 * rows.length,
      series: [charts.time, ...rows.map((r) => ({ ...edge(), label: r.name, value: (_, __, ___, i) => i === null || i > last ? '' : r.text(i) }))],
      scales: { y: { range: [-rows.length, 0] } },
      y: { splits: rows.map((_, i) => -i - 0.5), values: () => rows.map((r) => r.name), size, grid: { show: false }, ticks: { show: false } },
      hooks: { init, draw: [(u) => {
        charts.draw(u, (ctx) => rows.forEach((row, lane) => {
          const top = u.valToPos(-lane - 0.15, 'y', true), bottom = u.valToPos(-lane - 0.85, 'y', true);
          for (let i = 0; i <= last; i++) {
            let to = i; // a stretch of the same colour is one rectangle
            while (to < last && row.color(to + 1) === row.color(i)) to++;
            if (row.color(i)) {
              const from = u.valToPos(h.time[i], 'x', true);
              ctx.fillStyle = color(row.color(i));
              ctx.fillRect(from, top, Math.max(1, u.valToPos(h.time[to] + h.stepSeconds, 'x', true) - from), bottom - top);
            }
            i = to;
          }
        }));
        now(u);
      }] },
    }, [h.time, ...rows.map(() => h.time.map(() => null))]);
    return Object.entries({ firing, rollout: rollouts, limits: bounds.filter((n) => n !== null) }).filter(([, of]) => of.length > 0).map(([name]) => name);
  };
})();
