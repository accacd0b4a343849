{
  _config+:: {
    // Label matchers for all metrics that the rules read, for example 'cluster="a"', where one server has several
    // clusters. Dashboards have variables instead.
    selector: '',

    // The names of the severities, for Alertmanager's routes.
    severities: { critical: 'critical', warning: 'warning' },

    // Thresholds, as PromQL.
    // How many false alerts a week all series together may have.
    alertBudgetPerWeek: '1',
    // How much rarer than a warning something has to be to be critical.
    criticalFactor: '10',
    // TimeToLimit alerts so many seconds ahead, LimitBreachImminent from this probability on.
    timeToLimitSeconds: '4 * 3600',
    breachProbability: '0.8',
    // AnomalyForecastsWorseThanNaive alerts above this error, relative to that of the naive forecast.
    forecastError: '1.1',
    // AnomalyForecastIntervalsCollapsed alerts if fewer values than this share are within their interval.
    intervalCoverage: '0.5',

    // Labels that all alerts get.
    alertLabels: {},
    // Fields of single alerts, for example { TimeToLimit: { 'for': '30m' } }.
    overrides: {},
    // Alerts and groups to leave out.
    disabledAlerts: [],
    disabledGroups: [],

    // What the name of an alert in lower case is appended to.
    runbookURL: 'https://github.com/anomaly-exporter/anomaly-exporter/blob/main/docs/alerting.md#',
  },
}
