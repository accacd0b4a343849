// Replays the history of the series or the scaler of a page, and draws it.
'use strict';
(() => {
  const byID = (id) => document.getElementById(id), { number } = charts;
  const value = byID('value'), load = byID('load'), status = byID('status');

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

  // counted says how often the score was high, of the steps that have one.
  const counted = (h) => {
    const scores = h.score.filter((v) => v !== null), high = scores.filter((v) => v >= 0.8).length;
    const times = h.score.filter((v, i) => v >= 0.8 && !(h.score[i - 1] >= 0.8)).length;
    if (scores.length === 0) return 'no step has a score';
    return 'high at ' + high + ' of ' + scores.length + ' steps' + (high ? ', in ' + times + (times === 1 ? ' period' : ' periods') : '');
  };

  // tell writes the newest steps into a table, for those who see no chart.
  const tell = (h, unit) => {
    const text = (v) => charts.format(v, unit), rows = [];
    for (let i = h.time.length - 1; i >= Math.max(0, h.time.length - 60); i--) {
      const row = document.createElement('tr');
      const usual = h.lower[i] === null ? '' : charts.between(h.lower[i], h.upper[i], unit);
      [new Date(h.time[i] * 1000).toISOString().slice(5, 16).replace('T', ' '), text(h.value[i]), usual, h.score[i]?.toFixed(2) ?? ''].forEach((cell, k) => {
        const td = row.insertCell();
        td.className = k ? 'n' : 'time';
        td.textContent = cell;
      });
      rows.push(row);
    }
    document.querySelector('#steps tbody').replaceChildren(...rows);
    byID('steps').hidden = false;
  };

  // offer links to the page as it was at a time.
  const offer = (time) => {
    const at = new Date(time * 1000).toISOString(), then = byID('then'), address = new URL(location.href);
    address.searchParams.set('at', at.slice(0, 19) + 'Z');
    byID('at').value = at.slice(0, 16);
    then.href = address.search;
    then.textContent = 'as it was at ' + at.slice(0, 16).replace('T', ' ');
    then.hidden = false;
  };

  const marks = (kind) => [...document.querySelectorAll('#marks tr[data-kind=' + kind + ']')].map((row) => [Number(row.dataset.from), Number(row.dataset.to)]);
  const laid = (overlays) => overlays.map((o) => ({ label: { '1d': 'yesterday', '7d': 'last week', '1w': 'last week' }[o.before] ?? o.before + ' before', value: o.value }));
  const keys = (marked) => document.querySelectorAll('.keys span').forEach((key) => { key.hidden = !marked.includes(key.className); });

  const series = (history, { verdicts = [], overlays = [] }) => {
    // The forecast is that of the table below the charts.
    const fan = [...document.querySelectorAll('#points tr[data-time]')].map((row) => ({
      time: Number(row.dataset.time), median: number(row.dataset.median), lower: number(row.dataset.lower),
      upper: number(row.dataset.upper), max: number(row.dataset.max),
    }));
    const bounds = [...document.querySelectorAll('[data-bound]')].map((p) => number(p.dataset.bound));
    const line = byID('straight')?.dataset;
    const said = (kind) => verdicts.filter((v) => v.verdict === kind).map((v) => [Date.parse(v.from) / 1000, Date.parse(v.to) / 1000]);
    const marked = charts.series({
      value, score: byID('score'), unit: value.dataset.unit, fan, bounds,
      alerts: history.alerts, confirmed: said('confirmed'), rejected: said('rejected'),
      firing: marks('alerts'), rollouts: marks('rollouts'), chosen: offer, since: number(value.dataset.since ?? ''),
      end: document.querySelector('.past') ? 'then' : 'now',
      before: laid(overlays),
      straight: line ? [[Number(line.from), Number(line.begin)], [Number(line.to), Number(line.end)]] : null,
    }, history);
    tell(history, value.dataset.unit);
    byID('counted').textContent = counted(history);
    byID('counted').parentElement.hidden = false;
    keys(marked);
    return highSince(history);
  };

  const scaler = (history, { overlays = [] }) => {
    const bounds = [number(load.dataset.min), number(load.dataset.max)];
    keys(charts.scaler({
      load, fleet: byID('fleet'), lanes: byID('lanes'), unit: load.dataset.unit, bounds, before: laid(overlays),
      firing: marks('alerts'), rollouts: marks('rollouts'), chosen: offer,
    }, history));
    return '';
  };

  const show = async () => {
    status.textContent = 'Replaying the history as it was published.';
    try {
      const response = await fetch((value ?? load).dataset.url, { cache: 'no-cache' });
      const answer = await response.json();
      if (answer.status !== 'success') throw new Error(answer.error);
      const { history } = (answer.data.series ?? answer.data.recommendations)[0];
      if (!history.time || history.time.length < 2) throw new Error('fewer than two steps have a value');
      status.textContent = charts.paint('page', () => (value ? series : scaler)(history, answer.data));
    } catch (err) {
      status.textContent = 'No chart: ' + err.message;
    }
  };
  show();
})();
