// Runs what is edited over the last days, and shows it beside what is in force.
'use strict';
(() => {
  const byID = (id) => document.getElementById(id);
  const form = byID('playground'), yaml = byID('yaml'), lines = byID('lines'), days = byID('days'), status = byID('status');
  const element = (name, text = '', attributes = {}) => {
    const e = Object.assign(document.createElement(name), attributes);
    e.textContent = text;
    return e;
  };

  // number shows lines, those with a problem marked. The editor is as high as its text, so that both scroll together.
  const number = (bad = []) => {
    const n = yaml.value.split('\n').length;
    yaml.rows = Math.max(n + 1, 8);
    lines.replaceChildren(...Array.from({ length: n }, (_, i) => element('span', i + 1 + '\n', { className: bad.includes(i + 1) ? 'bad' : '' })));
  };

  // select puts the cursor on a line.
  const select = (line) => {
    const before = yaml.value.split('\n').slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0);
    yaml.focus();
    yaml.setSelectionRange(before, before + (yaml.value.split('\n')[line - 1] ?? '').length);
  };

  // complain lists what is wrong, one a line of the text. Where a line of the YAML is named, it can be gone to.
  const complain = (text) => {
    const bad = [];
    byID('problems').replaceChildren(...text.split('\n').filter(Boolean).map((problem) => {
      const item = element('li'), found = problem.match(/^detector\.yml:(\d+): (.*)$/);
      if (!found) { item.textContent = problem; return item; }
      bad.push(Number(found[1]));
      const go = element('button', 'line ' + found[1], { type: 'button' });
      go.addEventListener('click', () => select(Number(found[1])));
      item.append(go, ' ' + found[2]);
      return item;
    }));
    number(bad);
  };

  const percent = (v) => v === null ? '' : Number((100 * v).toPrecision(3)) + ' %';
  const plain = (v) => v === null ? '' : String(Number(v.toPrecision(3)));
  // rows are those of the table: a name, and what it shows of an outcome.
  const rows = (of) => {
    const all = [['series', (o) => o.series], ['steps', (o) => o.steps]];
    if (of.kind === 'detector') {
      all.push(['alerts (0.8 for 5 minutes)', (o) => o.alerts], ['alerts promised at most', (o) => plain(o.promisedAlerts)],
        ['steps over 0.8', (o) => percent(o.over)], ['findings (0.6)', (o) => o.findings],
        ['steps without score', (o) => o.withoutScore + (o.reason ? ', mostly ' + o.reason : '')]);
    }
    if (of.new.truth ?? of.old?.truth) {
      all.push(['alerts that were true', (o) => o.truth ? o.truth.true + ' of ' + o.truth.alerts : ''],
        ['incidents found', (o) => o.truth ? o.truth.found + ' of ' + o.truth.incidents : '']);
    }
    const horizons = [...(of.new.forecasts ?? []), ...(of.old?.forecasts ?? [])].map((f) => f.horizon);
    for (const horizon of new Set(horizons)) {
      const forecast = (o) => (o.forecasts ?? []).find((f) => f.horizon === horizon);
      all.push(['forecast ' + horizon + ': error vs a day before', (o) => forecast(o) ? plain(forecast(o).error) : ''],
        ['forecast ' + horizon + ': in interval', (o) => forecast(o) ? percent(forecast(o).inInterval) + ' of ' + percent(forecast(o).nominal) : '']);
    }
    for (const [i, { name }] of (of.new.strategies ?? []).entries()) {
      const strategy = (o) => o.strategies[i];
      all.push([name + ': replica-hours', (o) => plain(strategy(o).replicaHours)], [name + ': cost', (o) => plain(strategy(o).cost)],
        [name + ': too few for', (o) => plain(strategy(o).shortSeconds / 60) + ' min']);
    }
    return all;
  };

  const compare = (of) => {
    const head = element('tr');
    head.append(element('th'), element('th', 'in force'), element('th', 'edited'));
    byID('table').replaceChildren(head, ...rows(of).map(([name, show]) => {
      const row = element('tr'), before = of.old ? String(show(of.old)) : '-', now = String(show(of.new));
      row.append(element('th', name), element('td', before), element('td', now, { className: before === now ? '' : 'changed' }));
      return row;
    }));
    byID('notes').replaceChildren(...[...(of.notes ?? []), ...(of.old ? [] : ['Nothing of this name is in force.'])].map((text) => element('li', text)));
  };

  // side is one of the two charts of a series.
  const side = (title, chart) => {
    const div = element('div');
    div.append(element('h3', title));
    if (!chart) { div.append(element('p', 'It has no results.', { className: 'calm' })); return { div }; }
    const parts = {};
    for (const name of chart.scaler ? ['load', 'fleet', 'lanes'] : ['value', 'score']) {
      parts[name] = element('div', '', { className: 'chart ' + name });
      div.append(parts[name]);
    }
    const n = (chart.alerts ?? []).length;
    if (!chart.scaler) div.append(element('p', n === 1 ? '1 alert' : n + ' alerts', { className: n ? 'alert' : 'calm' }));
    return { div, draw: () => chart.scaler ? charts.scaler({ ...parts, ...chart }, chart.scaler) : charts.series({ ...parts, ...chart }, chart.history) };
  };

  let drawn = 0;
  const draw = (of) => {
    for (let i = 0; i < drawn; i++) charts.paint(i, () => {});
    drawn = of.series.length;
    const sections = of.series.map((pair) => {
      const section = element('section'), { title, labels } = pair.new ?? pair.old, sides = element('div', '', { className: 'pair' });
      const both = [side('In force', pair.old), side('Edited', pair.new)];
      sides.append(...both.map((s) => s.div));
      section.append(element('h2', title), element('code', '{' + Object.entries(labels).map(([name, value]) => name + '=' + JSON.stringify(value)).join(', ') + '}'), sides);
      return { section, both };
    });
    byID('series').replaceChildren(...sections.map((s) => s.section));
    byID('outcome').hidden = false;
    sections.forEach((s, i) => charts.paint(i, () => s.both.forEach((one) => one.draw?.())));
  };

  // remember keeps what is shown in the address. The YAML is in its fragment, which no server sees.
  const original = yaml.value;
  const remember = () => {
    const query = new URLSearchParams(location.search);
    query.set('days', days.value);
    history.replaceState(null, '', '?' + query + (yaml.value === original ? '' : '#' + encodeURIComponent(yaml.value)));
  };

  let running = null;
  const busy = (controller) => {
    running = controller;
    byID('run').disabled = controller !== null;
    byID('cancel').hidden = controller === null;
  };
  const run = async () => {
    if (running) return;
    remember();
    complain('');
    busy(new AbortController());
    status.textContent = 'Replaying ' + days.selectedOptions[0].textContent + ', of what is edited and of what is in force.';
    try {
      const start = Math.floor(Date.now() / 1000) - days.value * 86400;
      const response = await fetch(form.dataset.url + '?start=' + start, { method: 'POST', body: yaml.value, signal: running.signal });
      const answer = await response.json();
      status.textContent = '';
      if (answer.status !== 'success') { complain(answer.error); return; }
      compare(answer.data);
      draw(answer.data);
      status.textContent = 'Done. The outcome is below.';
    } catch (err) {
      status.textContent = err.name === 'AbortError' ? 'Cancelled.' : 'It could not be run: ' + err.message;
    } finally {
      busy(null);
    }
  };

  form.addEventListener('submit', (event) => { event.preventDefault(); run(); });
  yaml.addEventListener('keydown', (event) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); } });
  yaml.addEventListener('input', () => number());
  byID('cancel').addEventListener('click', () => running?.abort());
  byID('copy').addEventListener('click', async () => {
    yaml.select();
    // Without TLS a browser has no clipboard for pages; then the text is selected, to be copied by hand.
    try {
      await navigator.clipboard.writeText(yaml.value);
      status.textContent = 'Copied.';
    } catch {
      status.textContent = 'Selected; copy it with Ctrl+C.';
    }
  });
  const asked = new URLSearchParams(location.search).get('days');
  if ([...days.options].some((o) => o.value === asked)) days.value = asked;
  try {
    if (location.hash.length > 1) yaml.value = decodeURIComponent(location.hash.slice(1));
  } catch { /* a fragment that is not ours */ }
  number();
})();
