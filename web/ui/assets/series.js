// Draws the charts of a series: its value over what was expected, the forecast, and the score below.
'use strict';
// charts.series draws a history into two elements, value and score. unit is that of the values; fan is the forecast by
// horizon, from the time that end names; bounds are values; before are earlier values, as { label, value }; straight are
// two points of a line; since is when it became anomalous; alerts, breaches, firing, rollouts, incidents, confirmed and
// rejected are lists of pairs of times; expected says what the middle of the band is; chosen is told the time that is
// clicked. It returns the names of the marks that it has drawn.
(() => {
  const { color, line, edge } = charts;

  // withGaps puts an empty step where steps are missing, so that no line crosses a gap, and lists the gaps.
  const withGaps = (h) => {
    const step = h.gap ?? h.time.slice(1).reduce((least, t, i) => Math.min(least, t - h.time[i]), Infinity);
    const keys = ['value', 'expected', 'lower', 'upper', 'score', ...Object.keys(h).filter((k) => k.startsWith('before'))].filter((k) => h[k]);
    const out = Object.fromEntries([['gaps', []], ['time', []], ['muted', []], ['masked', []], ...keys.map((k) => [k, []])]);
    h.time.forEach((t, i) => {
      if (i > 0 && t - h.time[i - 1] > step) {
        out.gaps.push([h.time[i - 1], t]);
        out.time.push(h.time[i - 1] + step);
        out.muted.push(false);
        out.masked.push(false);
        keys.forEach((k) => out[k].push(null));
      }
      out.time.push(t);
      out.muted.push(h.muted?.[i] ?? false);
      out.masked.push(h.masked?.[i] ?? false);
      keys.forEach((k) => out[k].push(h[k][i]));
    });
    return out;
  };

  charts.series = ({ value, score, unit = '', fan = [], bounds = [], alerts = [], breaches = [], firing = [], rollouts = [], incidents = [], confirmed = [], rejected = [], before = [], straight = null, since = null, end = 'now', expected = 'usual', chosen = null }, history) => {
    const earlier = before.map((_, i) => 'before' + i);
    const h = withGaps({ ...history, ...Object.fromEntries(before.map((b, i) => [earlier[i], b.value])) }), last = h.time.length - 1;
    const refits = history.refits ?? [];
    const ahead = fan.filter((p) => p.time > h.time[last]);
    const x = h.time.concat(ahead.map((p) => p.time));
    const past = (values) => values.concat(ahead.map(() => null));
    const coming = (key) => h.time.map((_, i) => ahead.length && i === last ? h.value[last] : null).concat(ahead.map((p) => p[key]));
    const marks = (u) => {
      charts.draw(u, (ctx, { top, width, height }) => {
        ['masked', 'muted'].forEach((key) => {
          ctx.fillStyle = color(key);
          h[key].forEach((yes, i) => {
            if (yes) ctx.fillRect(u.valToPos(h.time[i], 'x', true), top, Math.max(1, width / x.length), height);
          });
        });
      });
      h.gaps.forEach((p) => charts.period(u, p, color('gap')));
      incidents.forEach((p) => charts.period(u, p, color('incident')));
      charts.vertical(u, h.time[last], color('faint'));
    };
    const lines = (u) => {
      incidents.forEach((p) => charts.period(u, p, color('truth'), { down: 1, tall: 5 }));
      rejected.forEach((p) => charts.period(u, p, color('rejected'), { down: 1, tall: 5 }));
      confirmed.forEach((p) => charts.period(u, p, color('truth'), { down: 1, tall: 5 }));
      alerts.forEach((p) => charts.period(u, p, color('critical'), { tall: 5 }));
      breaches.forEach((p) => charts.period(u, p, color('forecast'), { down: 0.03, tall: 5 }));
      firing.forEach((p) => charts.period(u, p, color('high'), { down: 0.03, tall: 5 }));
      rollouts.forEach(([from]) => charts.vertical(u, from, color('rollout')));
      if (straight) charts.segment(u, straight, color('value'));
      bounds.forEach((b) => b !== null && charts.horizontal(u, b, color('bound')));
      if (since !== null && since >= h.time[0]) {
        charts.vertical(u, since, color('critical'));
        charts.note(u, since, 'anomalous since ' + new Date(since * 1000).toISOString().slice(11, 16), color('critical'), 1);
      }
      if (ahead.length) charts.note(u, h.time[last], end, color('faint'));
    };
    // near widens the range of the values to the bounds that are not far off: no further than the range is tall.
    const near = (u, least, most) => {
      if (least === null) return [0, 1];
      const within = bounds.filter((b) => b !== null && b <= 2 * most - least && b >= 2 * least - most);
      return uPlot.rangeNum(Math.min(least, ...within), Math.max(most, ...within), 0.1, true);
    };
    charts.plot(value, {
      height: 300, scales: { y: { range: near } },
      series: [
        charts.time, edge(), edge(),
        line(h.expected.some((v) => v !== null) ? expected : '', color('expected'), unit, { dash: [4, 4], value: (u, _, __, i) => charts.range(u, i, 2, 1, unit) }),
        line('value', color('value'), unit, { width: 2 }),
        edge(), edge(),
        line(ahead.length ? 'forecast' : '', color('forecast'), unit, { width: 2, value: (u, _, __, i) => charts.range(u, i, 6, 5, unit) }),
        line(ahead.length ? 'largest' : '', color('forecast'), unit, { width: 1, dash: [2, 3] }),
        ...before.map((b, i) => line(b.label, color(i % 2 ? 'truth' : 'running'), unit, { width: 1 })),
      ],
      bands: [{ series: [1, 2], fill: color('band') }, { series: [5, 6], fill: color('fan') }],
      y: charts.values(unit),
      hooks: {
        draw: [marks, lines],
        init: [(u) => u.over.addEventListener('click', () => u.cursor.idx <= last && chosen?.(x[u.cursor.idx]))],
      },
    }, [x, past(h.upper), past(h.lower), past(h.expected), past(h.value),
      coming('upper'), coming('lower'), coming('median'), coming('max'), ...earlier.map((k) => past(h[k]))]);
    if (h.score?.some((v) => v !== null)) {
      const level = (from, to) => past(h.score.map((v) => v !== null && v >= from && v < to ? v : null));
      const bars = (label, stroke) => ({ label, stroke, fill: stroke, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [1, Infinity] }), value: (_, v) => v === null ? '' : v.toFixed(2) });
      charts.plot(score, {
        height: 130, scales: { y: { range: [0, 1] } },
        series: [charts.time, bars('score', color('faint')), bars('high', color('high')), bars('critical', color('critical'))],
        y: { splits: [0, 0.6, 0.8], values: (_, all) => all.map((v) => v.toFixed(1)) },
        hooks: { draw: [(u) => { marks(u); refits.forEach((t) => charts.period(u, [t, t], color('expected'), { down: 1, tall: 8 })); [[0.6, 'line'], [0.8, 'high'], [0.9, 'critical']].forEach(([at, c]) => charts.horizontal(u, at, color(c))); }] },
      }, [x, level(0, 0.8), level(0.8, 0.9), level(0.9, 2)]);
    }
    const marked = { alert: alerts, firing, rollout: rollouts, refit: refits, straight: straight ?? [], bound: bounds.filter((b) => b !== null), confirmed, rejected, masked: h.masked.filter(Boolean), muted: h.muted.filter(Boolean), gap: h.gaps };
    return Object.keys(marked).filter((name) => marked[name].length > 0);
  };
})();
