// Draws the charts of a report.
'use strict';
for (const [i, chart] of JSON.parse(document.getElementById('charts').textContent).entries()) {
  const element = (name) => document.querySelector('#chart' + i + ' .' + name), { history, scaler } = chart;
  charts.paint(i, () => {
    if (scaler) charts.scaler({ load: element('load'), fleet: element('fleet'), lanes: element('lanes'), ...chart }, scaler);
    else if (history.time?.length > 1) charts.series({ value: element('value'), score: element('score'), ...chart }, history);
  });
}
